import { type IncomingHttpHeaders, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";

export interface ReceivedRequest {
  headers: IncomingHttpHeaders;
  body: string;
  path: string;
}

/** A server of somebody else, to which things are sent. */
export interface ReceivingServer {
  url: string;
  /** `127.0.0.1` and its port. */
  host: string;
  received: ReceivedRequest[];
  /** How many have connected, whether they said something or not. */
  connections: number;
}

/** @param answer called with each request; by default it answers 204 */
export async function receivingServer(
  answer: (response: ServerResponse, request: ReceivedRequest) => void = (response) =>
    response.writeHead(204).end(),
): Promise<ReceivingServer> {
  const there: ReceivingServer = { url: "", host: "", received: [], connections: 0 };
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      const received = {
        headers: request.headers,
        body: bytes.toString("utf8"),
        path: request.url ?? "",
      };
      there.received.push(received);
      answer(response, received);
    });
  });
  server.on("connection", () => there.connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  there.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  there.url = `http://${there.host}/hook`;
  return there;
}
