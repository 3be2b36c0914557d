import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

/**
 * Ends connections when the server closes: those on which no request is under way at once, the others with their last
 * answer. Without this, one that was opened ahead of its first request, or that fell idle a moment after closing began,
 * would hold the server up until it times out.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  const underWay = new Map<Socket, number>();
  let closing = false;

  const endIfIdle = (socket: Socket) => {
    if (closing && underWay.get(socket) === 0) socket.destroySoon();
  };
  const count = (socket: Socket, by: number) => {
    const requests = underWay.get(socket);
    if (requests !== undefined) underWay.set(socket, requests + by);
  };

  app.server.on("connection", (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once("close", () => underWay.delete(socket));
  });
  app.addHook("onRequest", async ({ raw }) => count(raw.socket, 1));
  app.addHook("onResponse", async ({ raw }) => {
    count(raw.socket, -1);
    endIfIdle(raw.socket);
  });
  app.addHook("preClose", async () => {
    closing = true;
    for (const socket of underWay.keys()) endIfIdle(socket);
  });
}
