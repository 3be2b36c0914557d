import { WireMessages } from "./wire-messages.ts";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/**
 * Where a connection is cut, by a text that the bytes on their way contain:
 * - request: the client says it (the name of a prepared statement), and the server never hears it.
 * - answer to: the client says it, the server does it, and its answer never comes back.
 * - answer with: the server says it, and the client never hears it.
 */
export interface Cut {
  lose: "request" | "answer to" | "answer with";
  text: string;
}

/** Which way a message goes. */
export type Direction = "to server" | "to client";

/** A TCP proxy in this process that fails as networks do. */
export class FaultProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** Its ends towards the server, of which those of silent links outlive their clients. */
  readonly #upstream = new Set<Socket>();
  #cut: Cut | undefined;
  #cuts = 0;
  #silentAt: { application: string; text: string } | undefined;
  #down = false;
  #countdown: { direction: Direction; left: number } | undefined;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  /** A proxy in front of the server of a URL; its own `url` leads to the same place. */
  static async to(target: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const { hostname, port } = new URL(target);
    const own = new URL(target);
    own.hostname = "127.0.0.1";
    own.port = String((server.address() as AddressInfo).port);
    const proxy = new FaultProxy(own.href, server);
    server.on("connection", (client) => {
      if (proxy.#down) {
        client.destroy();
        return;
      }
      proxy.#link(client, connect({ host: hostname, port: Number(port || 5432) }));
    });
    return proxy;
  }

  /** How many connections were cut so far. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Cuts one connection. */
  cutOnce(cut: Cut): void {
    this.#cut = cut;
  }

  /** Cuts the connection over which the n-th message of that direction goes from now on, over whichever, right after it. */
  cutAfterMessage(direction: Direction, n: number): void {
    this.#countdown = { direction, left: n };
  }

  /** Cuts none any more. @returns whether one was to come */
  disarm(): boolean {
    const armed = this.#countdown !== undefined;
    this.#countdown = undefined;
    return armed;
  }

  /** From now on the connections of now are half-open: what either side sends goes nowhere. New ones work. */
  goSilent(): void {
    for (const link of this.#links) link.silent = true;
  }

  /** The connection of that application over which this text is said next is half-open from there on; the server never hears it. */
  goSilentAt(application: string, text: string): void {
    this.#silentAt = { application, text };
  }

  /** Ends all connections, and every new one at once, as when the server is not there. */
  goDown(): void {
    this.#down = true;
    for (const link of this.#links) {
      link.silent = false;
      link.client.destroy();
    }
  }

  comeUp(): void {
    this.#down = false;
  }

  /** How many connections there are. */
  get links(): number {
    return this.#links.size;
  }

  /** How often the client of each connection waited for the server: was answered, before it sent anything more. */
  get waits(): number[] {
    return [...this.#links].map((link) => link.waits);
  }

  /** How many there are of an application. */
  linksOf(application: string): number {
    return [...this.#links].filter((link) => link.application === application).length;
  }

  /** How many connections are half-open. */
  get silent(): number {
    return [...this.#links].filter((link) => link.silent).length;
  }

  async close(): Promise<void> {
    for (const { client } of this.#links) client.destroy();
    // One that is left in the middle of logging in holds up whoever drops a database, for a minute.
    for (const server of this.#upstream) server.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #link(client: Socket, server: Socket): void {
    const messages = {
      "to server": new WireMessages("client"),
      "to client": new WireMessages("server"),
    };
    const link: Link = {
      client,
      server,
      messages,
      silent: false,
      answerLost: false,
      application: undefined,
      waits: 0,
      asking: false,
    };
    this.#links.add(link);
    this.#upstream.add(server);
    server.on("close", () => this.#upstream.delete(server));
    const end = () => {
      this.#links.delete(link);
      client.destroy();
      server.destroy();
    };
    client.on("data", (bytes) => {
      link.asking = true;
      const last = this.#lastBytes(link, "to server", bytes);
      if (last) server.end(last, () => client.destroy());
      else if (this.#request(link, bytes)) server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (link.asking) link.waits++;
      link.asking = false;
      const last = this.#lastBytes(link, "to client", bytes);
      if (last) client.end(last, () => server.destroy());
      else if (link.answerLost || this.#meets("answer with", bytes)) end();
      else if (!link.silent) client.write(bytes);
    });
    for (const socket of [client, server]) {
      socket.on("error", () => {});
      // A silent link does not even tell one side that the other has gone.
      socket.on("close", () => {
        if (!link.silent) end();
        else if (client.destroyed) this.#links.delete(link);
      });
    }
  }

  /** What is still let through, when the connection is to be cut within these bytes. */
  #lastBytes(link: Link, direction: Direction, bytes: Buffer): Buffer | undefined {
    const ends = link.messages[direction].feed(bytes);
    const countdown = this.#countdown;
    if (countdown?.direction !== direction) return undefined;
    if (countdown.left > ends.length) {
      countdown.left -= ends.length;
      return undefined;
    }
    this.#countdown = undefined;
    this.#cuts++;
    return bytes.subarray(0, ends[countdown.left - 1]);
  }

  /** Whether these bytes go on to the server. */
  #request(link: Link, bytes: Buffer): boolean {
    link.application ??= /application_name\0([^\0]*)/.exec(bytes.toString("latin1"))?.[1];
    const silentAt = this.#silentAt;
    if (silentAt && silentAt.application === link.application && bytes.includes(silentAt.text)) {
      this.#silentAt = undefined;
      link.silent = true;
    }
    if (link.silent) return false;
    if (this.#meets("answer to", bytes)) link.answerLost = true;
    if (!this.#meets("request", bytes)) return true;
    link.client.destroy();
    return false;
  }

  /** Whether these bytes are where the cut is to be; it is made once. */
  #meets(lose: Cut["lose"], bytes: Buffer): boolean {
    if (this.#cut?.lose !== lose || !bytes.includes(this.#cut.text)) return false;
    this.#cut = undefined;
    this.#cuts++;
    return true;
  }
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly messages: Record<Direction, WireMessages>;
  silent: boolean;
  answerLost: boolean;
  /** What it calls itself, once it has begun. */
  application: string | undefined;
  waits: number;
  /** Whether the client has said something since the server did. */
  asking: boolean;
}
