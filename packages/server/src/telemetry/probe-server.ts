import { type Server, type ServerResponse, createServer } from "node:http";

interface Probed {
  ok: boolean;
  checks: Record<string, string>;
}

export interface ProbeOptions {
  /** Whether the process does its work, or would not do it better if it were started anew. */
  alive(): Promise<Probed>;
  /** Whether it does its work. */
  ready(): Promise<Probed>;
  /** The text that a Prometheus server reads. */
  metrics(): Promise<string>;
  metricsType: string;
}

export interface ProbeServer {
  readonly server: Server;
  listen(where: { host: string; port: number }): Promise<void>;
  close(): Promise<void>;
}

/** Whoever probes asks in vain, rather than hold a socket for long. */
const PATIENCE_MS = 5000;

/**
 * `GET /healthz`, `GET /readyz` and `GET /metrics` for a process, without a key and with nothing else: who may reach it is for the
 * network to say. Both tell names of jobs and queues, and nothing of runs.
 */
export function probeServer(options: ProbeOptions): ProbeServer {
  const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS });
  server.maxConnections = 100;
  server.on("request", (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return send(response, 405, "text/plain", "only GET is answered here\n");
    }
    answer(options, path).then(
      ([status, type, text]) => send(response, status, type, text),
      () => send(response, 500, "text/plain", "could not be found out\n"),
    );
  });
  return {
    server,
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once("error", reject).listen(port, host, resolve);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Answer = [status: number, type: string, text: string];

async function answer(
  { alive, ready, metrics, metricsType }: ProbeOptions,
  path: string,
): Promise<Answer> {
  if (path === "/metrics") return [200, metricsType, await metrics()];
  const probe = { "/healthz": alive, "/readyz": ready }[path];
  if (!probe) return [404, "text/plain", "here are /healthz, /readyz and /metrics\n"];
  const { ok, checks } = await probe();
  const body = JSON.stringify({ status: ok ? "ok" : "failing", checks });
  return [ok ? 200 : 503, "application/json", `${body}\n`];
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const headers = {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  response.writeHead(status, headers).end(text);
}
