import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { findOrStart } from "./find-or-start.ts";
import { postgres } from "./postgres.ts";
import { rabbitmq } from "./rabbitmq.ts";
import { redis } from "./redis.ts";
import type { RunningServer } from "./server-kind.ts";

export const SERVER_KINDS = { postgres, redis, rabbitmq };

export type ServerName = keyof typeof SERVER_KINDS;

/** Where the processes that run tests ask for a server. It is found or started at the first question, once for all. */
export interface ServerDesk {
  /** To be asked as `GET <address>/<name>`; the answer is the server's URL. It holds a secret, as the answers do. */
  readonly address: string;
  ask(name: ServerName): Promise<string>;
  /** Stops all that was started. */
  close(): Promise<void>;
}

export async function openServerDesk(say: (line: string) => void): Promise<ServerDesk> {
  const servers = new Map<ServerName, Promise<RunningServer>>();
  const ask = async (name: ServerName) => {
    const server = servers.get(name) ?? findOrStart(SERVER_KINDS[name], say);
    servers.set(name, server);
    return (await server).url;
  };
  const secret = `/${randomUUID()}/`;
  const desk = createServer((request, response) => {
    const name = request.url?.startsWith(secret) ? request.url.slice(secret.length) : "";
    if (!isServerName(name)) {
      response.writeHead(404).end();
      return;
    }
    ask(name).then(
      (url) => response.end(url),
      (error: unknown) => response.writeHead(503).end((error as Error).message),
    );
  });
  await new Promise<void>((resolve) => {
    desk.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${(desk.address() as AddressInfo).port}${secret.slice(0, -1)}`,
    ask,
    async close() {
      desk.close();
      desk.closeAllConnections();
      const asked = await Promise.allSettled(servers.values());
      const running = asked.filter((one) => one.status === "fulfilled");
      await Promise.all(running.map((one) => one.value.stop()));
    },
  };
}

function isServerName(name: string): name is ServerName {
  return Object.hasOwn(SERVER_KINDS, name);
}
