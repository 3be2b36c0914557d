import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Client,
  type EnqueuedRun,
  MillraceError,
  RunCancelledError,
  RunFailedError,
  createClient,
  defineEvent,
  defineJob,
} from "@millrace/sdk";
import { expect, expectTypeOf, onTestFinished, test } from "vitest";
import { z } from "zod";
import type * as support from "../support/api.ts";
import { API_KEY, type ApiUnderTest, anything, greet, nothing, startApi } from "../support/api.ts";

const jobs = { greet, anything, nothing };

function clientOf(api: ApiUnderTest): Client<typeof jobs> {
  return createClient<typeof jobs>({ url: api.url, key: API_KEY });
}

test("a run is asked for by its job or by its name, and is a handle", async () => {
  const api = await startApi();
  const client = clientOf(api);
  const one = await client.enqueue(greet, { name: "Ada" }, { priority: 7, queue: "slow" });
  const other = await client.enqueue(
    "greet",
    { name: "Bo" },
    { runAt: new Date(Date.now() + 3_600_000), correlationId: "order-1", idempotencyKey: "k" },
  );
  expect(one.created).toBe(true);
  expect(await one.get()).toMatchObject({ input: { name: "Ada" }, priority: 7, queue: "slow" });
  expect(await client.run(other.id).get()).toMatchObject({
    state: "scheduled",
    correlationId: "order-1",
    idempotencyKey: "k",
  });
  const again = await client.enqueue("greet", { name: "Bo" }, { idempotencyKey: "k" });
  expect([again.id, again.created]).toEqual([other.id, false]);
  expect((await client.enqueue(nothing)).created).toBe(true);
  expect(await other.cancel("no need")).toBe("cancelled");
});

test("a result is awaited: an output, a failure with its class, or a cancel", async () => {
  const api = await startApi();
  const client = clientOf(api);

  const good = await client.enqueue(greet, { name: "Ada" });
  const awaited = good.result({ timeout: "1m" });
  await (await api.claim()).settle({ verdict: "complete", output: '"Hello Ada"' });
  expect(await awaited).toBe("Hello Ada");

  const bad = await client.enqueue(greet, { name: "Bo" });
  const failure = { class: "TypeError", message: "no such name", stack: null };
  await (await api.claim()).settle({ verdict: "fail", failure });
  const failed: unknown = await bad.result().catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(RunFailedError);
  expect(failed).toMatchObject({
    runId: bad.id,
    errorClass: "TypeError",
    errorMessage: "no such name",
  });

  const unwanted = await client.enqueue(greet, { name: "Cy" });
  await unwanted.cancel();
  await expect(unwanted.result()).rejects.toBeInstanceOf(RunCancelledError);
});

test("waiting ends with the time or the signal that the caller gave, and the run goes on", async () => {
  const api = await startApi();
  const run = await clientOf(api).enqueue(nothing);
  await expect(run.result({ timeout: "30ms" })).rejects.toMatchObject({ code: "result_timeout" });
  const stop = new AbortController();
  const waiting = run.result({ signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect((await run.get()).state).toBe("queued");
});

test("an error has the code of the problem and the place of the trouble", async () => {
  const api = await startApi();
  const client = createClient({ url: api.url, key: API_KEY });
  const errorOf = (work: Promise<unknown>) =>
    work.then<never, MillraceError>(
      () => {
        throw new Error("it was expected to fail");
      },
      (error: unknown) => error as MillraceError,
    );
  const wrong = await errorOf(client.enqueue("greet", { name: 7 }));
  expect(wrong).toBeInstanceOf(MillraceError);
  expect([wrong.code, wrong.pointer]).toEqual(["invalid_input", "/input/name"]);
  expect((await errorOf(client.enqueue("unheard-of"))).code).toBe("unknown_job");
  expect((await errorOf(client.enqueue("any/thing", { at: NaN }))).code).toBe("invalid_json");
  const misspelt = { prioritee: 1 } as object;
  expect((await errorOf(client.enqueue("nothing", {}, misspelt))).pointer).toBe("/prioritee");
  const nobody = client.run("01934f6e-7c00-7000-9d3a-5f0e3c1b2a49");
  expect((await errorOf(nobody.get())).code).toBe("run_not_found");
  expect((await errorOf(nobody.result())).code).toBe("run_not_found");
  const stranger = createClient({ url: api.url, key: "not-the-key-of-the-server" });
  expect((await errorOf(stranger.enqueue("nothing"))).code).toBe("unauthorized");
  expect(() => createClient({ url: "127.0.0.1:4700" })).toThrow("must be like http://");
});

test("many runs are asked for in requests that the server takes, each with its own result", async () => {
  const api = await startApi();
  let requests = 0;
  const client = createClient<typeof jobs>({
    url: api.url,
    key: API_KEY,
    fetch: (...args) => {
      requests++;
      return fetch(...args);
    },
  });
  const numbers = Array.from({ length: 2500 }, (_, n) => n);
  const results = await client.enqueueMany(anything, numbers);
  expect(requests).toBe(3);
  const ids = results.map((result) => ("run" in result ? result.run.id : undefined));
  expect(new Set(ids).size).toBe(2500);
  expect(await (results[1234] as { run: EnqueuedRun }).run.get()).toMatchObject({ input: 1234 });

  requests = 0;
  // 60 times 200 kB are more than one request may hold.
  const large = await client.enqueueMany(anything, Array(60).fill("x".repeat(200_000)));
  expect(large.every((result) => "run" in result)).toBe(true);
  expect(requests).toBe(2);

  const mixed = await client.enqueueMany(
    "greet",
    [{ name: "Ada" }, { name: 7 as unknown as string }, { name: "Ada" }],
    { idempotencyKey: ({ name }) => `greet-${name}` },
  );
  expect(mixed).toMatchObject([
    { run: { created: true } },
    { error: { code: "invalid_input", pointer: "/runs/1/input/name" } },
    { run: { created: false } },
  ]);
  expect(await client.enqueueMany(greet, [])).toEqual([]);
});

test("what is safe to repeat is repeated when the server is away for a moment, and nothing else", async () => {
  const api = await startApi();
  const seen: string[] = [];
  let away = 0;
  const proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (away-- > 0) {
      if (away % 2) request.socket.destroy();
      else response.writeHead(503, { "content-type": "text/plain" }).end("away");
      return;
    }
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    request.on("end", () => {
      void api
        .call(request.url ?? "", { method: request.method ?? "", text: Buffer.concat(body) })
        .then(({ status, body: answer }) => response.writeHead(status).end(JSON.stringify(answer)));
    });
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const client = createClient<typeof jobs>({ url, key: API_KEY });

  away = 3;
  const run = await client.enqueue(nothing, {}, { idempotencyKey: "once" });
  expect(run.created).toBe(true);
  expect(seen).toHaveLength(4);

  away = 1;
  await expect(client.enqueue(nothing)).rejects.toMatchObject({ code: "server_unreachable" });
  expect(seen).toHaveLength(5);

  away = 1000;
  await expect(client.enqueue(nothing, {}, { idempotencyKey: "again" })).rejects.toThrow(
    "no answer from",
  );
  expect(seen).toHaveLength(10);
});

test("a wrong payload is a compile error, by job and by name, and an output has its type", () => {
  const client = createClient<typeof jobs>({ key: "unused" });
  const loose = createClient({ key: "unused" });
  const sum = defineJob({
    name: "sum",
    input: z.object({ values: z.array(z.number()), start: z.number().default(0) }),
    run: ({ values, start }) => values.reduce((a, b) => a + b, start),
  });
  const fromModule = createClient<typeof support>({ key: "unused" });
  // Only compiled, never called.
  const uses = [
    // @ts-expect-error -- a number is no name
    () => client.enqueue(greet, { name: 1 }),
    // @ts-expect-error -- by name, too
    () => client.enqueue("greet", { name: 1 }),
    // @ts-expect-error -- an input is required
    () => client.enqueue("greet"),
    // @ts-expect-error -- as it is for the job itself
    () => client.enqueue(greet),
    // @ts-expect-error -- there is no such job
    () => client.enqueue("gret", { name: "Ada" }),
    // @ts-expect-error -- nor such an option
    () => client.enqueue(greet, { name: "Ada" }, { colour: "red" }),
    // @ts-expect-error -- one of many is wrong
    () => client.enqueueMany(greet, [{ name: "Ada" }, { nam: "Bo" }]),
    // @ts-expect-error -- this job takes no input
    () => client.enqueue(nothing, { name: "Ada" }),
    // @ts-expect-error -- a list of texts is no list of numbers
    () => loose.enqueue(sum, { values: ["1"] }),
    // @ts-expect-error -- by the name of a job of a module
    () => fromModule.enqueue("greet", {}),
    () => fromModule.enqueue("greet", { name: "Ada" }),
    () => client.enqueue(nothing),
    () => client.enqueue("nothing", undefined, { priority: 1 }),
    () => loose.enqueue("whatever", { any: "thing" }),
    () => loose.enqueue("whatever"),
    // The default fills in what is missing.
    () => loose.enqueue(sum, { values: [1] }),
  ];
  expect(uses).toHaveLength(16);
  expectTypeOf(client.enqueue(greet, { name: "Ada" }).catch(() => undefined as never))
    .resolves //
    .toEqualTypeOf<EnqueuedRun<string>>();
  type SumRun = Awaited<ReturnType<EnqueuedRun<number>["result"]>>;
  expectTypeOf<SumRun>().toEqualTypeOf<number>();
});

test("a run is asked for what it has published, while it is open and after it has ended", async () => {
  const api = await startApi();
  const run = await clientOf(api).enqueue(nothing);
  expect(await run.query("stage")).toBeUndefined();
  await api.db.query(
    "insert into millrace.published (run_id, key, value, checkpoints, attempt, number) values ($1, 'stage', '{\"n\":1}', 0, 1, 1), ($1, 'a/b', 'null', 0, 1, 1)",
    [run.id],
  );
  expect([await run.query("stage"), await run.query("a/b")]).toEqual([{ n: 1 }, null]);
  await run.cancel();
  expect(await run.query("stage")).toEqual({ n: 1 });
  const all = await api.call(`/api/v1/runs/${run.id}/published`);
  expect(all.body.published).toMatchObject([
    { key: "a/b", value: null, attempt: 1 },
    { key: "stage", value: { n: 1 } },
  ]);
  const nobody = clientOf(api).run("01900000-0000-7000-8000-000000000000");
  await expect(nobody.query("stage")).rejects.toMatchObject({ code: "run_not_found" });
});

test("the result of a run that was continued is that of the last of its chain", async () => {
  const api = await startApi();
  const run = await clientOf(api).enqueue(greet, { name: "Ada" });
  const awaited = run.result({ timeout: "1m" });
  await (await api.claim()).settle({ verdict: "continue", input: '{"name":"Bo"}' });
  const { continuedAs, state, output } = await run.get();
  expect([state, output]).toEqual(["completed", null]);
  const next = clientOf(api).run(continuedAs!);
  expect(await next.get()).toMatchObject({ continuedFrom: run.id, input: { name: "Bo" } });
  await (await api.claim()).settle({ verdict: "complete", output: '"Hello Bo"' });
  expect(await awaited).toBe("Hello Bo");
});

test("a run takes signals by its handle until it has ended", async () => {
  const errorOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error as MillraceError,
    );
  const api = await startApi();
  const run = await clientOf(api).enqueue(nothing);
  const nudge = defineEvent({ name: "nudge", payload: z.object({ by: z.string() }) });
  const first = await run.signal(nudge, { by: "Ada" }, { idempotencyKey: "one" });
  const again = await run.signal("nudge", { by: "Ada" }, { idempotencyKey: "one" });
  expect([first.created, again.created, again.id]).toEqual([true, false, first.id]);
  const { rows } = await api.db.query("select run_id, payload from millrace.emission");
  expect(rows).toEqual([{ run_id: run.id, payload: { by: "Ada" } }]);
  // @ts-expect-error: the schema wants a name
  expect((await errorOf(run.signal(nudge, {})))?.code).toBe("invalid_input");
  await run.cancel();
  expect((await errorOf(run.signal(nudge, { by: "Bo" })))?.code).toBe("run_finished");
});
