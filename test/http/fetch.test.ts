import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type FetchInit,
  type Host,
  type HostSecret,
  HttpError,
  NoAnswerError,
  RetryAfterError,
  basic,
  bearer,
  defineHost,
  hostSecret,
  defineJob,
  judgeRetry,
  on,
  retryAfterMs,
} from "@millrace/sdk";
import {
  AllowedHosts,
  AttemptCalls,
  type CallRecord,
  HttpClient,
  type HttpClock,
  type HttpTry,
  OutboundGuard,
  type Resolve,
} from "@millrace/sdk/http";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { receivingServer } from "../support/receiving-server.ts";
import { until } from "../support/until.ts";

const RUN = "01a20bd0-ce5b-7000-8535-adb02d2d12f9";

/** A clock that goes on by as much as somebody sleeps. */
class QuickClock implements HttpClock {
  ms = 0;
  readonly slept: number[] = [];

  now(): number {
    return this.ms;
  }

  wall(): number {
    return Date.parse("2026-11-26T12:00:00Z") + this.ms;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.slept.push(Math.round(ms));
    this.ms += ms;
  }
}

interface Given {
  hosts?: readonly (Host | string)[];
  allowed?: string[];
  resolve?: Resolve;
  secrets?: Record<string, { value: string; hosts: string[] }>;
  correlationId?: string;
}

function caller({ hosts = [], allowed = [], resolve, secrets = {}, correlationId }: Given = {}) {
  const clock = new QuickClock();
  const tries: HttpTry[] = [];
  const opened: string[] = [];
  const records: CallRecord[] = [];
  const client = new HttpClient({
    guard: new OutboundGuard(new AllowedHosts(allowed), resolve),
    clock,
    random: () => 0.5,
    onTry: (made) => tries.push(made),
    onOpen: (host) => opened.push(host),
  });
  onTestFinished(() => client.close());
  const known = defineJob({ name: "any", hosts, run: () => 1 }).hosts;
  client.learn(known);
  const calls = new AttemptCalls(client, {
    ...{ runId: RUN, correlationId, hosts: known },
    secrets: () => secrets,
    onCalled: (call) => records.push(call),
  });
  return { client, calls, clock, tries, opened, records, fetch: calls.fetch };
}

const origin = ({ host }: { host: string }) => `http://${host}`;

const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.fail(`it gave ${String(value)}`),
    (error: unknown) => error,
  );

describe("a call", () => {
  test("gives the answer, and tells the other side which run and request it belongs to", async () => {
    const server = await receivingServer((response) => response.end("hello"));
    const { fetch, records, tries } = caller({
      hosts: [origin(server)],
      correlationId: "req-17",
    });
    const answer = await fetch(`${origin(server)}/greet?token=abc`);
    expect([answer.status, answer.ok, await answer.text()]).toEqual([200, true, "hello"]);
    expect([answer instanceof Response, answer.url]).toEqual([
      true,
      `${origin(server)}/greet?token=abc`,
    ]);
    const { headers } = server.received[0]!;
    expect(headers["x-correlation-id"]).toBe("req-17");
    expect(headers["traceparent"]).toMatch(
      new RegExp(`^00-${RUN.replaceAll("-", "")}-[0-9a-f]{16}-01$`),
    );
    expect(records).toEqual([
      {
        method: "GET",
        host: server.host,
        path: "/greet",
        tries: 1,
        status: 200,
        error: null,
        ms: 0,
      },
    ]);
    expect(tries).toMatchObject([{ host: server.host, outcome: "2xx" }]);
  });

  test("goes on with the trace that the run's request brought, and leaves what the caller says", async () => {
    const server = await receivingServer((response) => response.end());
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const { fetch } = caller({
      hosts: [origin(server)],
      correlationId: `00-${trace}-00f067aa0ba902b7-01`,
    });
    await fetch(origin(server));
    await fetch(origin(server), { headers: { traceparent: "mine", "User-Agent": "me" } });
    const [first, second] = server.received.map(({ headers }) => headers);
    expect(first!["traceparent"]).toMatch(new RegExp(`^00-${trace}-`));
    expect([second!["traceparent"], second!["user-agent"]]).toEqual(["mine", "me"]);
  });

  test("sends JSON, text, bytes, forms and streams, with their content types", async () => {
    const server = await receivingServer((response) => response.end());
    const { fetch } = caller({ hosts: [origin(server)] });
    const form = new FormData();
    form.set("field", "value");
    const bytes = new TextEncoder().encode("streamed");
    const bodies: FetchInit[] = [
      { json: { a: 1 } },
      { body: "text" },
      { body: new Uint8Array([104, 105]) },
      { body: new URLSearchParams({ q: "ä" }) },
      { body: form },
      { body: new Blob(["blob"], { type: "text/csv" }) },
      { body: new Blob([bytes]).stream() as ReadableStream<Uint8Array> },
      {
        body: (async function* () {
          yield bytes;
        })(),
      },
    ];
    for (const init of bodies) await fetch(origin(server), { method: "POST", ...init });
    const said = server.received.map(({ headers, body }) => [headers["content-type"], body]);
    expect(said).toEqual([
      ["application/json", '{"a":1}'],
      ["text/plain;charset=UTF-8", "text"],
      [undefined, "hi"],
      ["application/x-www-form-urlencoded;charset=UTF-8", "q=%C3%A4"],
      [expect.stringMatching(/^multipart\/form-data; boundary=/), expect.stringContaining("value")],
      ["text/csv", "blob"],
      [undefined, "streamed"],
      [undefined, "streamed"],
    ]);
  });

  test("that is written wrongly is refused before anything is sent, without what it says", async () => {
    const server = await receivingServer();
    const { fetch } = caller({ hosts: [origin(server)] });
    const wrong: [unknown, string][] = [
      [{ retries: 3 }, "retries is not an option"],
      [{ method: "GE T" }, "is no method of HTTP"],
      [{ method: "CONNECT" }, "is not sent"],
      [{ headers: { host: "elsewhere.example" } }, "the header host is not to be set"],
      [{ headers: { "x-token": "canary\r\nx: y" } }, "the header x-token has a character"],
      [{ headers: { "x y": "1" } }, "is no name of a header"],
      [{ headers: { "x-n": 5 } }, "the header x-n is a number"],
      [{ body: "x" }, "a GET has no body"],
      [{ method: "POST", body: "x", json: 1 }, "give body or json, not both"],
      [{ method: "POST", body: { a: 1 } }, "for JSON, give it as json"],
      [{ timeout: "soon" }, "is not a duration"],
      [{ retry: { tries: 2 } }, "retry.tries is not an option"],
      [{ accept: "all" }, "accept is a list"],
      [{ redirect: "maybe" }, "redirect is follow, manual or error"],
    ];
    for (const [init, message] of wrong) {
      const error = await thrownBy(fetch(origin(server), init as FetchInit));
      expect(error, message).toMatchObject({ code: "invalid_fetch" });
      expect((error as Error).message).toContain(message);
      expect((error as Error).message).not.toContain("canary");
    }
    await expect(fetch("contacts")).rejects.toMatchObject({ code: "invalid_fetch" });
    await expect(fetch(new Request(origin(server)) as never)).rejects.toThrow("give a URL");
    expect(server.connections).toBe(0);
  });

  test("throws an HttpError for what is no success, unless it accepts that", async () => {
    const server = await receivingServer((response) => {
      response.writeHead(404, { "retry-after": "7" }).end("no such contact: canary");
    });
    const { fetch, records } = caller({ hosts: [origin(server)] });
    const error = await thrownBy(fetch(`${origin(server)}/contacts/1?secret=1`));
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({
      ...{ status: 404, host: server.host, path: "/contacts/1", tries: 1, retryAfterMs: 7000 },
      message: `GET ${server.host}/contacts/1 answered 404`,
      body: "no such contact: canary",
    });
    expect(JSON.stringify(error)).not.toContain("canary");
    expect(retryAfterMs(error)).toBe(7000);
    const accepted = await fetch(origin(server), { accept: [404, 409] });
    expect([accepted.status, await accepted.text()]).toEqual([404, "no such contact: canary"]);
    expect((await fetch(origin(server), { accept: "any" })).status).toBe(404);
    expect(records.map((record) => record.error)).toEqual(["answered 404", null, null]);
  });
});

describe("a call that fails", () => {
  /** Answers what is given, one after the other, and then 200. */
  async function answering(...answers: ((server: Server) => Answer)[]) {
    let place = 0;
    const received: { method: string; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += String(part)));
      request.on("end", () => {
        received.push({ method: request.method!, body });
        const answer = answers[place++]?.(server) ?? { status: 200, body: "well" };
        if (answer === "reset") return request.socket.destroy();
        if (answer === "silent") return;
        response.writeHead(answer.status, answer.headers ?? {});
        if (answer.cut) {
          response.write(answer.body);
          setImmediate(() => request.socket.destroy());
        } else response.end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { host, received };
  }

  type Answer =
    | "reset"
    | "silent"
    | { status: number; headers?: Record<string, string>; body?: string; cut?: boolean };

  const status = (code: number, retryAfter?: string) => () => ({
    status: code,
    ...(retryAfter !== undefined && { headers: { "retry-after": retryAfter } }),
  });
  const reset = () => "reset" as const;

  test("is tried again where that is safe, with growing waits", async () => {
    const server = await answering(reset, status(503));
    const { fetch, clock, records } = caller({ hosts: [origin(server)] });
    expect(await (await fetch(origin(server))).text()).toBe("well");
    // Half of the bounds, by the given chance.
    expect(clock.slept).toEqual([100, 200]);
    expect(records).toMatchObject([{ tries: 3, status: 200, error: null }]);
  });

  test("obeys Retry-After, in seconds and as a date, and leaves what is too long to the run's retries", async () => {
    const server = await answering(
      status(429, "3"),
      status(503, "Thu, 26 Nov 2026 12:00:08 GMT"),
      status(200),
      status(429, "3600"),
    );
    const { fetch, clock } = caller({ hosts: [origin(server)] });
    await fetch(origin(server));
    expect(clock.slept).toEqual([3000, 5000]);
    const error = await thrownBy(fetch(origin(server)));
    expect(error).toMatchObject({ status: 429, tries: 1, retryAfterMs: 3_600_000 });
    expect(server.received).toHaveLength(4);
    // And meanwhile nobody here asks again.
    const next = await thrownBy(fetch(origin(server)));
    expect(next).toMatchObject({ name: "NoAnswerError", reason: "busy", tries: 0 });
    expect(retryAfterMs(next)).toBe(600_000);
    expect(server.received).toHaveLength(4);
  });

  test("is not tried again when it might do something twice, unless it has a key or is asked to", async () => {
    const server = await answering(...Array.from({ length: 20 }, () => status(502)));
    const { fetch } = caller({ hosts: [defineHost({ url: origin(server), breaker: false })] });
    const tries = async (init: FetchInit) => {
      const before = server.received.length;
      await thrownBy(fetch(origin(server), init));
      return server.received.length - before;
    };
    expect(await tries({ method: "POST", json: 1 })).toBe(1);
    expect(await tries({ method: "PATCH", json: 1 })).toBe(1);
    expect(await tries({ method: "post", headers: { "Idempotency-Key": "k" }, json: 1 })).toBe(3);
    expect(await tries({ method: "POST", json: 1, retry: { anyMethod: true } })).toBe(3);
    expect(await tries({ method: "PUT", body: "again" })).toBe(3);
    expect(await tries({ method: "DELETE", retry: false })).toBe(1);
    const stream = new Blob(["once"]).stream() as ReadableStream<Uint8Array>;
    expect(await tries({ method: "PUT", body: stream }), "a stream is sent once").toBe(1);
    expect(server.received.filter(({ body }) => body === "again")).toHaveLength(3);
    expect(await tries({ accept: [502] }).catch(() => "wanted")).toBe("wanted");
  });

  test("because its answer broke off is tried again while nobody has seen any of it", async () => {
    const cut = () => ({
      ...{ status: 200, body: "hal", cut: true },
      headers: { "content-length": "100" },
    });
    const server = await answering(cut);
    const { fetch } = caller({ hosts: [origin(server)] });
    expect(await (await fetch(origin(server))).text()).toBe("well");
    expect(server.received).toHaveLength(2);
  });

  test("because there was no answer says why, and a rule of the job may look at it", async () => {
    const silent = () => "silent" as const;
    // Each a server of its own: a try whose time is over before it is sent takes no answer, and would leave it to the next.
    const mute = await answering(silent, silent);
    const server = await answering(reset);
    const { fetch, records } = caller({ hosts: [origin(mute), origin(server)] });
    const late = await thrownBy(
      fetch(origin(mute), { timeout: "30ms", retry: { maxAttempts: 2 } }),
    );
    expect(late).toBeInstanceOf(NoAnswerError);
    expect(late).toMatchObject({
      ...{ reason: "timeout", tries: 2 },
      message: `GET ${mute.host}/: no answer within 30 ms after 2 tries`,
    });
    const cut = await thrownBy(fetch(origin(server), { retry: false }));
    expect(cut).toMatchObject({
      reason: "network",
      what: "the connection failed (UND_ERR_SOCKET)",
    });
    expect(records.map(({ status, error }) => [status, error])).toEqual([
      [null, "timeout"],
      [null, "network"],
    ]);
    const retry = { maxAttempts: 5, firstDelayMs: 1, factor: 1, maxDelayMs: 1 };
    const rules = [
      on(HttpError, (error) => error.status < 500 && "never"),
      on(NoAnswerError, (error) => error.reason === "timeout" && "20s"),
    ];
    expect(judgeRetry(late, { retry, rules }).answer).toEqual({ retry: "after", ms: 20_000 });
    expect(judgeRetry(cut, { retry, rules }).answer).toMatchObject({ retry: "backoff" });
    expect(new RetryAfterError("x", 1)).not.toBeInstanceOf(HttpError);
  });

  test("again and again opens the breaker of its host: nothing is sent until its time is over, and one success closes it", async () => {
    const server = await answering(...Array.from({ length: 6 }, () => status(500)));
    const { fetch, clock, opened, tries } = caller({
      hosts: [
        defineHost({
          url: origin(server),
          breaker: { failures: 5, openFor: "30s" },
          retry: { maxAttempts: 5, firstDelay: "0ms" },
        }),
      ],
    });
    await thrownBy(fetch(origin(server)));
    expect([server.received.length, opened]).toEqual([5, [server.host]]);
    const shut = await thrownBy(fetch(origin(server)));
    expect(shut).toMatchObject({ reason: "circuit_open", tries: 0 });
    expect(retryAfterMs(shut), "the run comes back when it is worth a try").toBe(30_000);
    expect(server.received).toHaveLength(5);
    clock.ms += 30_000;
    await thrownBy(fetch(origin(server), { retry: false }));
    expect(server.received, "one tries, and fails").toHaveLength(6);
    await thrownBy(fetch(origin(server)));
    expect(server.received).toHaveLength(6);
    clock.ms += 30_000;
    await fetch(origin(server));
    await fetch(origin(server));
    expect(server.received).toHaveLength(8);
    expect(tries.map(({ outcome }) => outcome)).toContain("circuit_open");
  });

  test("because it was told to stop ends at once, wherever it is, and is no failure of the host", async () => {
    const silent = () => "silent" as const;
    const server = await answering(silent, silent);
    const { fetch, calls, tries } = caller({ hosts: [origin(server)] });
    const own = new AbortController();
    const dropped = thrownBy(fetch(origin(server), { signal: own.signal }));
    const ended = thrownBy(fetch(origin(server)));
    while (server.received.length < 2) await new Promise((resolve) => setImmediate(resolve));
    own.abort(new Error("not wanted"));
    expect(await dropped).toMatchObject({ message: "not wanted" });
    calls.stop(new Error("the attempt is over"));
    expect(await ended).toMatchObject({ message: "the attempt is over" });
    expect(tries.map(({ outcome }) => outcome)).toEqual(["aborted", "aborted"]);
    expect(await thrownBy(fetch(origin(server)))).toMatchObject({ message: "the attempt is over" });
  });
});

test("a call that nobody waits for ends with its attempt, and no error of it ends the process", async () => {
  const server = await receivingServer(() => {});
  const { fetch, calls, records } = caller({ hosts: [origin(server)] });
  let settled = false;
  void fetch(origin(server)).finally(() => (settled = true));
  await until("it is called", async () => server.received.length > 0);
  calls.leave();
  await until("it has ended", async () => records.length > 0);
  expect([records[0]!.error, settled]).toEqual(["aborted", false]);
  await expect(fetch(origin(server))).rejects.toThrow("the attempt is over");
});

test("a large body comes as it is read, and ends with the attempt", async () => {
  const server = await receivingServer((response) => {
    response.write("first");
  });
  const { fetch, calls } = caller({ hosts: [origin(server)] });
  const answer = await fetch(origin(server));
  const reader = answer.body!.getReader();
  expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe("first");
  calls.stop(new Error("over"));
  await expect(reader.read()).rejects.toThrow("over");
});

describe("a redirect", () => {
  test("is followed three times at the most, and as others do it", async () => {
    const server = await receivingServer((response, { path }) => {
      const [, from, to] = /^\/(\d+)\/(\d+)$/.exec(path) ?? [];
      if (from === to) return response.end(path);
      const next = `/${Number(from) + 1}/${to}`;
      return response.writeHead(302, { location: next }).end();
    });
    const { fetch } = caller({ hosts: [origin(server)] });
    const answer = await fetch(`${origin(server)}/0/3`, { method: "POST", json: 1 });
    expect([answer.redirected, answer.url, await answer.text()]).toEqual([
      true,
      `${origin(server)}/3/3`,
      "/3/3",
    ]);
    expect(
      server.received.map(({ body }) => body),
      "a POST goes on as a GET",
    ).toEqual(["1", "", "", ""]);
    expect(await thrownBy(fetch(`${origin(server)}/0/4`))).toMatchObject({ reason: "redirected" });
    const manual = await fetch(`${origin(server)}/0/1`, { redirect: "manual" });
    expect([manual.status, manual.headers.get("location")]).toEqual([302, "/1/1"]);
    expect(await thrownBy(fetch(`${origin(server)}/0/1`, { redirect: "error" }))).toMatchObject({
      status: 302,
    });
  });

  test("S7: to another host is checked like a first request, and takes no credentials along", async () => {
    const there = await receivingServer((response) => response.end("there"));
    const here = await receivingServer((response, { path }) =>
      response
        .writeHead(307, {
          location: path === "/inner" ? "http://127.0.0.1:9/" : `${origin(there)}/x`,
        })
        .end(),
    );
    const headers = {
      authorization: "Bearer abc",
      "x-api-key": "abc",
      cookie: "s=1",
      accept: "text/csv",
    };
    const { fetch } = caller({ hosts: [origin(here)], allowed: [there.host] });
    const answer = await fetch(`${origin(here)}/`, { headers });
    expect(await answer.text()).toBe("there");
    const got = there.received[0]!.headers;
    expect([got["authorization"], got["x-api-key"], got["cookie"]]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(got["accept"]).toBe("text/csv");
    const inner = await thrownBy(fetch(`${origin(here)}/inner`));
    expect(inner).toMatchObject({ code: "blocked_destination" });
  });
});

describe("S7: a URL of an input", () => {
  test("leads to no address of this machine or network, by whatever name, and code may name what it calls", async () => {
    const server = await receivingServer((response) => response.end());
    const port = server.host.split(":")[1]!;
    const { fetch, records } = caller();
    for (const host of [
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "127.1",
      "localhost",
      "[::ffff:7f00:1]",
    ]) {
      for (const scheme of ["https", "http"]) {
        const error = await thrownBy(fetch(`${scheme}://${host}:${port}/`));
        expect(error, host).toMatchObject({ code: "blocked_destination" });
      }
    }
    expect(server.connections).toBe(0);
    expect(records.at(-1)).toMatchObject({ error: "blocked_destination", tries: 0 });
    await expect(fetch("http://public.example/")).rejects.toThrow(/write https.*hosts of the job/);
    expect((await caller({ hosts: [origin(server)] }).fetch(origin(server))).status).toBe(200);
    expect((await caller({ allowed: [server.host] }).fetch(origin(server))).status).toBe(200);
    const user = caller({ hosts: [origin(server)] }).fetch(`http://ada:pw@${server.host}/`);
    await expect(user).rejects.toMatchObject({ code: "blocked_destination" });
  });

  test("whose name leads elsewhere when it is asked for again is refused then", async () => {
    const server = await receivingServer((response) => response.end());
    const port = server.host.split(":")[1]!;
    let asked = 0;
    const resolve: Resolve = async () => [
      { address: ++asked === 1 ? "127.0.0.2" : "127.0.0.1", family: 4 },
    ];
    const { fetch } = caller({ allowed: ["127.0.0.2/32"], resolve });
    const error = await thrownBy(
      fetch(`https://flipping.example:${port}/`, { retry: { maxAttempts: 2 } }),
    );
    expect(error).toMatchObject({ code: "blocked_destination" });
    expect([asked, server.connections]).toEqual([2, 0]);
  });
});

describe("S5: a secret that is bound to hosts", () => {
  const VALUE = "canary-0a1b2c3d4e5f";

  test("is sent to them, in whatever header, and the handler never has it", async () => {
    const server = await receivingServer((response) => response.end());
    const secrets = { CRM_TOKEN: { value: VALUE, hosts: [server.host] } };
    const { fetch, records } = caller({ allowed: [server.host], secrets });
    const token = await secretIn(secrets);
    await fetch(origin(server), { headers: { authorization: bearer(token) } });
    await fetch(origin(server), { headers: [["authorization", basic("ada", token)]] });
    await fetch(origin(server), { headers: { "X-Api-Key": token } });
    expect(
      server.received.map(({ headers }) => headers["authorization"] ?? headers["x-api-key"]),
    ).toEqual([
      `Bearer ${VALUE}`,
      `Basic ${Buffer.from(`ada:${VALUE}`).toString("base64")}`,
      VALUE,
    ]);
    expect(JSON.stringify(records)).not.toContain(VALUE);
  });

  test("is sent nowhere else: no other host, port, scheme or redirect, and no address that code alone names", async () => {
    const other = await receivingServer();
    const server = await receivingServer((response, { path }) =>
      path === "/away"
        ? response.writeHead(307, { location: origin(other) }).end()
        : response.writeHead(302, { location: path === "/" ? "/here" : undefined }).end(),
    );
    const secrets = {
      CRM_TOKEN: { value: VALUE, hosts: [server.host, "plain.example:80", "inner.example"] },
    };
    const resolve: Resolve = async () => [{ address: "10.0.0.1", family: 4 }];
    const token = await secretIn(secrets);
    const headers = { authorization: bearer(token) };
    const allowed = [server.host, other.host, "plain.example"];
    const { fetch, records } = caller({
      allowed,
      secrets,
      resolve,
      hosts: ["https://inner.example"],
    });
    const refused = { code: "destination_not_allowed" };
    for (const url of [origin(other), `https://${server.host.replace(/\d+$/, "1")}/`]) {
      expect(await thrownBy(fetch(url, { headers })), url).toMatchObject(refused);
    }
    const plain = await thrownBy(fetch("http://plain.example/", { headers }));
    expect(plain).toMatchObject({
      ...refused,
      message: expect.stringContaining("https alone") as string,
    });
    expect(
      await thrownBy(fetch("https://inner.example/", { headers })),
      "listed by nobody",
    ).toMatchObject({
      code: "blocked_destination",
    });
    expect(server.connections + other.connections).toBe(0);
    expect(await thrownBy(fetch(`${origin(server)}/away`, { headers }))).toMatchObject(refused);
    expect([server.received.length, other.connections]).toEqual([1, 0]);
    const unknown = await thrownBy(caller({ allowed }).fetch(origin(server), { headers }));
    expect(unknown).toMatchObject({ code: "secret_missing" });
    expect(JSON.stringify(records)).not.toContain(VALUE);
  });

  test("that cannot stand in a header is not shown by the error", async () => {
    const server = await receivingServer();
    const secrets = { CRM_TOKEN: { value: `${VALUE}\nsecond line`, hosts: [server.host] } };
    const { fetch } = caller({ allowed: [server.host], secrets });
    const error = await thrownBy(
      fetch(origin(server), { headers: { "x-key": await secretIn(secrets) } }),
    );
    expect(error).toMatchObject({ code: "invalid_fetch" });
    expect((error as Error).message).not.toContain("canary");
  });
});

/** As a handler gets it. */
async function secretIn(secrets: Record<string, { value: string; hosts: string[] }>) {
  let token!: HostSecret;
  const job = defineJob({
    name: "taker",
    secrets: [hostSecret("CRM_TOKEN")],
    run: (_input, ctx) => {
      token = ctx.secrets.CRM_TOKEN;
    },
  });
  await job.call({}, { secrets });
  return token;
}

describe("a job that is called without a server", () => {
  test("calls others by the same rules, makes good by calls what it did, and stops when it is told to", async () => {
    const server = await receivingServer((response, { path }) => {
      if (path !== "/silent") response.writeHead(path === "/pay" ? 402 : 200).end("well");
    });
    const stop = new AbortController();
    const trip = defineJob({
      name: "trip",
      hosts: [origin(server)],
      input: z.object({ last: z.string() }),
      run: async ({ last }, { step, fetch }) => {
        await expect(fetch("https://127.0.0.1:9/")).rejects.toMatchObject({
          code: "blocked_destination",
        });
        await step.saga().step(
          "seat",
          async () => (await fetch(`${origin(server)}/book`)).status,
          async () => void (await fetch(`${origin(server)}/undo`)),
        );
        await fetch(`${origin(server)}/${last}`);
      },
    });
    expect(await thrownBy(trip.call({ last: "pay" }))).toMatchObject({ status: 402 });
    expect(server.received.map(({ path }) => path)).toEqual(["/book", "/pay", "/undo"]);
    const called = thrownBy(trip.call({ last: "silent" }, { signal: stop.signal }));
    await until("it waits", async () => server.received.length === 5);
    stop.abort(new Error("not wanted"));
    expect(await called).toMatchObject({ message: "not wanted" });
  });

  test("calls a function in place of others, where it is given one", async () => {
    const job = defineJob({
      name: "pretending",
      run: async (_input, { fetch }) => (await fetch("https://api.crm.example/")).text(),
    });
    expect(await job.call({}, { fetch: async () => new Response("given") })).toBe("given");
  });
});

test("one host may not be defined in two ways", () => {
  const url = "https://api.crm.example";
  const client = new HttpClient({ guard: new OutboundGuard(new AllowedHosts([])) });
  client.gateOf(url);
  client.learn(defineJob({ name: "named", hosts: [url], run: () => 1 }).hosts);
  client.learn([defineHost({ url, concurrency: 2 })]);
  client.learn([defineHost({ url, concurrency: 2 })]);
  client.learn(defineJob({ name: "named", hosts: [url], run: () => 1 }).hosts);
  expect(client.policyOf(url).concurrency).toBe(2);
  expect(() => client.learn([defineHost({ url, concurrency: 3 })])).toThrow(
    expect.objectContaining({ code: "duplicate_host" }),
  );
});

test("of a flood of hosts, those that were quiet longest are forgotten", () => {
  const client = new HttpClient({ guard: new OutboundGuard(new AllowedHosts([])) });
  const first = client.gateOf("https://0.example");
  for (let n = 1; n <= 999; n++) client.gateOf(`https://${n}.example`);
  expect(client.gateOf("https://0.example")).toBe(first);
  const second = client.gateOf("https://1000.example");
  expect(client.gateOf("https://0.example")).toBe(first);
  for (let n = 2000; n < 3000; n++) client.gateOf(`https://${n}.example`);
  expect(client.gateOf("https://0.example")).not.toBe(first);
  expect(client.gateOf("https://1000.example")).not.toBe(second);
});
