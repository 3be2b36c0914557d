import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { ApiClient } from "./api-client.ts";
import { followEvents } from "./follow-events.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** A server whose streams tell an event each millisecond. */
async function talkativeServer(): Promise<ApiClient> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const timer = setInterval(() => response.write("event: line\ndata: {}\n\n"), 1);
    response.on("close", () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new ApiClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "key");
}

test("a stream ends when its signal is aborted, also after the garbage was collected", async () => {
  const api = await talkativeServer();
  const stop = new AbortController();
  let told = 0;
  const follow = async () => {
    const options = { query: {}, signal: stop.signal, onBack: () => {} };
    for await (const { event } of followEvents(api, "logs/stream", options)) {
      expect(event).toBe("line");
      told++;
      if (told % 10 === 0) collectGarbage();
      if (told === 60) stop.abort();
      if (told > 1000) throw new Error("it goes on");
    }
  };
  await expect(follow()).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  expect(told).toBeLessThan(1000);
});
