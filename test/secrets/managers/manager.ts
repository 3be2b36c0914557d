import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "../../support/until.ts";
import type { SecretManager } from "../../../packages/server/src/security/managers/secret-manager.ts";

/** What a server does with questions for secrets instead of answering them. */
export type Fault =
  | "hangs"
  | "breaks off"
  | "busy"
  | "no JSON"
  | "another form"
  | "elsewhere"
  | "huge";

export interface Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Reply {
  status: number;
  json: unknown;
  headers?: Record<string, string>;
}

/** A manager as the tests need it: a local server that speaks the protocol of the real one, and the manager that asks it. */
export interface ManagerUnderTest {
  readonly manager: SecretManager;
  /** How a reference names a secret of that name, behind the kind and the colon. */
  place(name: string): string;
  put(name: string, text: string): void;
  remove(name: string): void;
  /** From now on this worker may not read it. */
  deny(name: string): void;
  /** From now on nobody knows this worker. */
  forgetWorker(): void;
  readonly server: FaultyServer;
  stop(): Promise<void>;
}

/** An HTTP server on this machine, which can be told to do its work badly. It counts the questions for secrets. */
export class FaultyServer {
  fault: Fault | undefined;
  asked = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param isRead whether a question is for a secret: only those are answered badly */
  static async start(
    answer: (question: Question) => Reply | undefined,
    isRead: (question: Question) => boolean,
  ): Promise<FaultyServer> {
    const server = createServer((request, response) => {
      void questionOf(request).then((question) => {
        const read = isRead(question);
        if (read) faulty.asked++;
        if (read && faulty.fault) return doBadly(faulty.fault, response);
        send(response, answer(question) ?? { status: 404, json: { errors: [] } });
      });
    });
    const faulty = new FaultyServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return faulty;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  untilAsked(times: number): Promise<unknown> {
    return until(`it was asked ${times} times`, () => Promise.resolve(this.asked >= times));
  }

  /** Cuts off who still waits for an answer. */
  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function questionOf(request: IncomingMessage): Promise<Question> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { method = "GET", headers } = request;
  return { method, url: new URL(request.url ?? "/", "http://localhost"), headers, body };
}

function send(response: ServerResponse, { status, json, headers = {} }: Reply): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof json === "string" ? json : JSON.stringify(json));
}

function doBadly(fault: Fault, response: ServerResponse): void {
  switch (fault) {
    case "hangs":
      return;
    case "breaks off":
      response.writeHead(200, { "content-length": "1000" }).write("{");
      response.destroy();
      return;
    case "busy":
      return send(response, { status: 503, json: { errors: ["Vault is sealed"] } });
    case "no JSON":
      return send(response, { status: 200, json: "<html>Sign in to the network</html>" });
    case "another form":
      return send(response, { status: 200, json: { hello: "world" } });
    case "elsewhere":
      return send(response, {
        status: 307,
        json: {},
        headers: { location: "http://127.0.0.1:1/" },
      });
    case "huge":
      response.writeHead(200);
      response.end(`{"data":"${"x".repeat(2_000_000)}"}`);
  }
}
