import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { MillraceError } from "@millrace/core";
import { EventStreams, MetricsRegistry, endConnectionsOnClose, lastEventId } from "millrace";
import { fastify } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";

/** What a handler holds of a stream. */
type Stream = ReturnType<EventStreams["open"]>;

type Options = Partial<ConstructorParameters<typeof EventStreams>[0]>;

/** A server with one route that answers by a stream, which the test feeds. @param before what the route does first */
async function startStreams(
  options: Options = {},
  before?: (answer: ServerResponse) => Promise<unknown>,
) {
  const metrics = new MetricsRegistry();
  const opened: Stream[] = [];
  const app = fastify();
  const streams = new EventStreams({ metrics, stillMay: async () => {}, ...options });
  streams.endOnClose(app);
  endConnectionsOnClose(app);
  app.decorateRequest("caller");
  const places: (string | undefined)[] = [];
  app.get("/stream", async (request, reply) => {
    places.push(lastEventId(request, /^\d{1,5}$/));
    const name = String(request.headers["x-who"] ?? "key:a");
    Object.assign(request, { caller: { name, role: "viewer", projects: null } });
    await before?.(reply.raw);
    opened.push(streams.open(request, reply));
    return reply;
  });
  app.setErrorHandler((error: MillraceError, _request, reply) => reply.code(500).send(error.code));
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { app, metrics, opened, places, port, url: `http://127.0.0.1:${port}/stream` };
}

/** A client that reads all that comes. */
async function read(url: string, who = "key:a") {
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const answer = await fetch(url, { headers: { "x-who": who }, signal: left.signal });
  const seen = { answer, text: "", ended: false, leave: () => left.abort() };
  const collect = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) seen.text += decoder.decode(chunk, { stream: true });
  };
  void collect().then(
    () => (seen.ended = true),
    () => (seen.ended = true),
  );
  return seen;
}

/** A client that asks, and then takes nothing. */
async function stall(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  return socket;
}

test("a stream is open at once, frames its events, and says that nothing may keep them back", async () => {
  const { opened, url } = await startStreams();
  const client = await read(url);
  expect(client.answer.status).toBe(200);
  expect(Object.fromEntries(client.answer.headers)).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
  });
  expect(client.answer.headers.get("content-length")).toBeNull();
  await until("it is open", () => client.text === "retry: 1000\n\n");

  opened[0]!.send({ id: "7", event: "line", data: { text: "one\ntwo\r three" } });
  opened[0]!.send({ data: null });
  await until("both are there", () => client.text.endsWith("null\n\n"));
  expect(client.text).toBe(
    'retry: 1000\n\nid: 7\nevent: line\ndata: {"text":"one\\ntwo\\r three"}\n\ndata: null\n\n',
  );
  opened[0]!.end({ state: "completed" });
  await until("it has ended", () => client.ended);
  expect(client.text).toMatch(/event: end\ndata: \{"state":"completed"\}\n\n$/);
  expect(opened[0]!.reason).toBe("done");
});

test("a quiet stream is kept by comments", async () => {
  const { url } = await startStreams({ lookEveryMs: 5, commentEveryMs: 10 });
  const client = await read(url);
  await until("comments come", () => client.text.includes(":\n\n:\n\n"));
});

test("a client that leaves ends its stream", async () => {
  const { opened, url, metrics } = await startStreams();
  const client = await read(url);
  client.leave();
  await until("the handler is told", () => opened[0]!.ended.aborted);
  expect(opened[0]!.reason).toBe("client");
  opened[0]!.send({ data: "to nobody" });
  await until("it is counted", async () => {
    const text = await metrics.metrics();
    return (
      text.includes("millrace_event_streams 0\n") &&
      text.includes('millrace_event_streams_ended_total{reason="client"} 1\n')
    );
  });
});

test("a reader that leaves 1 MiB unread is cut off, and no more than that is kept", async () => {
  const { opened, port } = await startStreams();
  const socket = await stall(port);
  const stream = await until("it is open", () => opened[0]);
  const data = "x".repeat(100_000);
  let most = 0;
  for (let sent = 0; sent < 200 && !stream.reason; sent++) {
    stream.send({ data });
    most = Math.max(most, stream.body.readableLength);
    // The connection takes what it can before the next.
    await new Promise(setImmediate);
  }
  expect(stream.reason).toBe("slow");
  expect(most).toBeLessThan(1024 * 1024 + 2 * data.length);
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
});

test("who waits for room sends no more than is taken, and a reader that takes nothing is cut off", async () => {
  const { opened, port } = await startStreams({ lookEveryMs: 5, stuckMs: 100 });
  const socket = await stall(port);
  const stream = await until("it is open", () => opened[0]);
  let most = 0;
  while (!stream.reason) {
    stream.send({ data: "x".repeat(10_000) });
    most = Math.max(most, stream.body.readableLength);
    await stream.room();
    await new Promise(setImmediate);
  }
  expect(stream.reason).toBe("slow");
  expect(most).toBeLessThan(100_000);
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
});

test("there is room again when a slow reader goes on", async () => {
  const { opened, port } = await startStreams();
  const socket = await stall(port);
  const stream = await until("it is open", () => opened[0]);
  let sent = 0;
  let done = false;
  const feeding = (async () => {
    while (!done) {
      stream.send({ data: "x".repeat(10_000) });
      sent++;
      await stream.room();
      await new Promise(setImmediate);
    }
  })();
  await until("it is full", () => stream.body.readableLength >= 64 * 1024);
  const full = sent;
  socket.resume();
  await until("it goes on", () => sent > full + 20);
  done = true;
  await feeding;
  expect(stream.reason).toBeUndefined();
});

test("a caller, and a server, have so many streams and no more", async () => {
  const { url, opened } = await startStreams({ perCaller: 2, perProcess: 3 });
  const mine = [await read(url), await read(url)];
  expect(await (await read(url)).answer.status).toBe(500);
  const refused = await fetch(url, { headers: { "x-who": "key:a" } });
  expect(await refused.text()).toBe("too_many_streams");
  await read(url, "key:b");
  const full = await fetch(url, { headers: { "x-who": "key:c" } });
  expect(await full.text()).toBe("streams_exhausted");

  mine[0]!.leave();
  await until("one has ended", () => opened[0]!.reason);
  await until("there is room for another", async () => {
    const again = await read(url);
    return again.answer.status === 200;
  });
});

test("who may have a stream no more is told why, and it ends", async () => {
  let revoked = false;
  const looks: boolean[] = [];
  const { url, opened } = await startStreams({
    lookEveryMs: 5,
    stillMay: async (_request, thorough) => {
      looks.push(thorough);
      if (revoked) throw new MillraceError("unauthorized", "the API key 1 is revoked");
    },
  });
  const client = await read(url);
  await until("it was looked at again", () => looks.length > 2);
  expect(client.ended).toBe(false);
  revoked = true;
  await until("it has ended", () => client.ended);
  expect(client.text).toMatch(
    /event: problem\ndata: \{.*"status":401,"code":"unauthorized","detail":"the API key 1 is revoked"\}\n\n$/,
  );
  expect(opened[0]!.reason).toBe("refused");
});

test("a server that stops ends its streams, tells clients to come back at different times, and waits for no reader", async () => {
  const { app, url, opened, port } = await startStreams();
  const client = await read(url);
  await stall(port);
  const stuck = await until("both are open", () => opened[1]);
  for (let sent = 0; sent < 200 && stuck.body.readableLength < 512 * 1024; sent++) {
    stuck.send({ data: "x".repeat(100_000) });
    await new Promise(setImmediate);
  }
  expect(stuck.body.readableLength).toBeGreaterThan(64 * 1024);
  await app.close();
  await until("it has ended", () => client.ended);
  expect(client.text).toMatch(/^retry: 1000\n\nretry: \d{3,4}\n\n$/);
  expect(opened[0]!.reason).toBe("stopping");
});

test("what a client saw last is what it says, if that can be", async () => {
  const { url, places } = await startStreams();
  const ask = (id: string) => fetch(url, { method: "HEAD", headers: { "last-event-id": id } });
  await ask("");
  await ask("41");
  for (const id of ["41x", "-1", "9".repeat(6), "0x10"]) {
    const answer = await fetch(url, { headers: { "last-event-id": id } });
    expect(await answer.text(), id).toBe("invalid_request");
  }
  expect(places).toEqual([undefined, "41"]);
});

test("a HEAD leaves no stream behind", async () => {
  const { url, metrics } = await startStreams();
  const answer = await fetch(url, { method: "HEAD" });
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  await until("none is open", async () =>
    (await metrics.metrics()).includes("millrace_event_streams 0\n"),
  );
});

test("who leaves before their stream is there takes no place, and its route is told", async () => {
  let asked = false;
  const { metrics, opened, url } = await startStreams({ perCaller: 1 }, (answer) => {
    if (asked) return Promise.resolve();
    asked = true;
    return once(answer, "close");
  });
  const left = new AbortController();
  const early = fetch(url, { signal: left.signal }).catch(() => undefined);
  await until("it has asked", () => asked);
  left.abort();
  await early;
  await until("its stream has ended", () => opened[0]?.reason === "client");
  expect(await metrics.metrics()).toMatch(/^millrace_event_streams 0$/m);
  const client = await read(url);
  expect(client.answer.status).toBe(200);
  expect(await metrics.metrics()).toMatch(/^millrace_event_streams 1$/m);
});
