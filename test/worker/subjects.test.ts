import { createSecretKey, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type AnyJob, defineJob } from "@millrace/sdk";
import { Masks, MetricsRegistry, type SecretKeys, buildApi, createLogger } from "millrace";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { keyPlace } from "../../packages/server/src/engine/subjects/subjects.ts";
import { openKey } from "../../packages/server/src/security/envelope.ts";
import { openContent } from "../../packages/server/src/security/sealed-content.ts";
import { openValueStore } from "../../packages/server/src/value-store/open-value-store.ts";
import type { ValueStore } from "../../packages/server/src/value-store/value-store.ts";
import { API_KEY } from "../support/api.ts";
import { Mill } from "../support/mill.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { until } from "../support/until.ts";
import { helper } from "./jobs/subjects.job.ts";

const FILE = join(import.meta.dirname, "jobs/subjects.job.ts");

/** Another one in each test, with whatever may be written in another way. */
const canary = () => `canary ${randomBytes(12).toString("base64")}/+"ö&\\`;

async function start(logged: string[] = []) {
  const keys = secretKeys();
  const root = mkdtempSync(join(tmpdir(), "millrace-values-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const values = await openValueStore(
    pathToFileURL(root).href,
    "5b0a1a4e-6f0c-4f6e-9d55-0d6f4a0f7a11",
  );
  const mill = await Mill.loadWith(keys, FILE);
  const logger = createLogger("debug", { write: (line: string) => void logged.push(line) });
  await mill.startWorker({ logger, values });
  await mill.startDispatcher();
  await mill.startKeepers();
  const stored = () =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
      .join("\n");
  return { mill, keys, values, stored };
}

/** Every row of every table, as text. */
async function everything(mill: Mill): Promise<string> {
  const tables = await mill.rows<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c where relnamespace = 'millrace'::regnamespace and relkind = 'r'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await mill.rows<{ text: string }>(
      `select '${name} ' || t::text as text from ${name} t`,
    );
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}

/** As it is, in base64, hexadecimal, and escaped for URLs and JSON. */
function expectNone(text: string, ...values: string[]): void {
  for (const value of values) {
    const found = Masks.of({ CANARY: value }).mask(text);
    const at = found.indexOf("[secret CANARY]");
    expect(at, found.slice(Math.max(0, at - 200), at + 100)).toBe(-1);
  }
}

/** What whoever has a dump and the keys of the server can read of what is sealed in it. */
async function readByDump(mill: Mill, keys: SecretKeys, dump: string): Promise<string> {
  const rows = await mill.rows<{ id: string; wrapped_key: Buffer }>(
    "select id, wrapped_key from millrace.subject where wrapped_key is not null",
  );
  const opened = rows.map((row) =>
    createSecretKey(openKey(keys.read()!, keyPlace(row.id), row.wrapped_key)),
  );
  const sealed = dump.match(/\[sealed [A-Za-z0-9_-]+\]/g) ?? [];
  return sealed.flatMap((text) => opened.map((key) => openContent(key, text) ?? "")).join("\n");
}

async function apiOf(
  { mill, keys, values }: { mill: Mill; keys: SecretKeys; values?: ValueStore },
  lines: string[],
) {
  const logger = createLogger("debug", { write: (line: string) => void lines.push(line) });
  const api = await buildApi({
    ...{ db: mill.db, intake: mill.intake, ring: () => {}, logger, values },
    ...{ apiKey: API_KEY, secretKeys: keys, version: "1", metrics: new MetricsRegistry() },
    health: async () => ({ ok: true, checks: {} }),
  });
  onTestFinished(() => api.close());
  return async (url: string, json?: object) => {
    const authorization = `Bearer ${API_KEY}`;
    const { body, headers, statusCode } = await api.inject(
      json === undefined
        ? { url, headers: { authorization } }
        : { url, method: "POST", headers: { authorization }, payload: json },
    );
    // What a test expects of it, it says itself.
    // oxlint-disable-next-line typescript/no-explicit-any
    const parsed: any = String(headers["content-type"]).startsWith("text/event-stream")
      ? body
      : JSON.parse(body);
    return { status: statusCode, body: parsed, text: body };
  };
}

describe.each(["inline", "thread", "process"])("runs of a handler that runs %s", (place) => {
  test("S6: keep what is about their subject in no table, value or log; people read it, and nobody when it is erased", async () => {
    const lines: string[] = [];
    const started = await start(lines);
    const { mill, keys, stored } = started;
    const [said, customerId] = [canary(), canary()];
    const ends: Record<string, string> = {
      ...{
        ok: "completed",
        large: "completed",
        again: "failed",
        fail: "failed",
        next: "completed",
      },
      ...{ wait: "waiting", ask: "waiting", event: "failed", bare: "failed", other: "failed" },
      ...(place === "process" && { print: "completed", die: "failed" }),
    };
    const runs: Record<string, string> = {};
    for (const way of Object.keys(ends)) {
      runs[way] = await mill.enqueue(`letter-${place}`, { customerId, said, way });
    }
    for (const [way, state] of Object.entries(ends)) await mill.untilState(runs[way]!, state);
    // A run of its own, which is open until it has ended, too.
    const [next] = await mill.rows<{ continued_as: string }>(
      "select continued_as from millrace.run where id = $1",
      [runs["next"]],
    );
    await mill.untilState(next!.continued_as, "completed");

    const dump = await everything(mill);
    expectNone(dump, said, customerId);
    expectNone(stored(), said);
    expect(stored()).toContain("[sealed ");
    expectNone(lines.join(""), said, customerId);
    expect(await readByDump(mill, keys, dump)).toContain(JSON.stringify(said).slice(1, -1));

    const ask = await apiOf(started, lines);
    const run = (way: string, path = "") => ask(`/api/v1/runs/${runs[way]}${path}`);
    const all = expect.stringContaining(`cannot help bad ${JSON.stringify(said).slice(1, -1)}`);
    expect((await run("ok")).body).toMatchObject({
      input: { customerId, said },
      output: { kept: said, helped: said, all },
      progress: { done: 1, total: 2, message: said },
      subject: { erasedAt: null },
    });
    expect((await run("ok", "/logs")).body.lines[0]).toMatchObject({
      ...{ message: `about ${said}`, fields: { said } },
    });
    const { published } = (await run("ok", "/published")).body;
    expect(published).toMatchObject([{ key: "where", value: { said } }]);
    expect((await run("fail")).body.error).toEqual({ class: "Error", message: `it is ${said}` });
    expect((await run("again")).body).toMatchObject({
      error: { class: "RangeError", message: `again ${said}` },
      attempts: expect.arrayContaining([
        expect.objectContaining({
          error: expect.objectContaining({ stack: expect.stringContaining(said) }),
        }),
      ]),
    });
    expect((await ask("/api/v1/approvals")).body.approvals).toMatchObject([
      { ask: `sure of ${said}?`, details: { said } },
    ]);
    const record = (await run("large", "/record?stored=true")).body;
    const values = record.checkpoints.map(({ value }: { value: string | null }) => value ?? "");
    expect(values.join("")).toContain(JSON.stringify(said.repeat(9000)).slice(1, -1));
    for (const [way, says] of [
      ["event", "events are kept in clear"],
      ["bare", "bare, which declares no subject"],
      ["other", "names another subject"],
    ] as const) {
      expect((await run(way)).body.error.message, way).toContain(says);
    }
    const dead = (await ask("/api/v1/dead-letters")).body.deadLetters;
    expect(dead.map(({ error }: { error: { message: string } }) => error.message)).toContain(
      `it is ${said}`,
    );

    const named = `/api/v1/runs?limit=200&subject=${encodeURIComponent(customerId)}`;
    const listed = (await ask(named)).body.runs.map(({ id }: { id: string }) => id);
    expect(listed).toEqual(expect.arrayContaining(Object.values(runs)));
    expect((await ask("/api/v1/runs?subject=nobody")).body.runs).toEqual([]);

    const erase = { subject: customerId };
    const would = await ask("/api/v1/subjects/erase", { ...erase, dryRun: true });
    expect(would.body).toMatchObject({ erasedAt: null, runs: listed.length, open: 2 });
    const erased = await ask("/api/v1/subjects/erase", erase);
    expect(erased.body).toMatchObject({ runs: listed.length, open: 2, id: would.body.id });
    await ask("/api/v1/subjects/erase", { subject: `${customerId} 2` });
    for (const way of ["wait", "ask"]) await mill.untilState(runs[way]!, "cancelled");

    for (const [way, id] of Object.entries(runs)) {
      for (const path of ["", "/logs", "/logs/stream", "/published", "/graph"]) {
        const { text, status } = await ask(`/api/v1/runs/${id}${path}`);
        expect([way, path, status]).toEqual([way, path, 200]);
        expectNone(text, said, customerId);
      }
      for (const path of ["rerun", "fork"]) {
        const { body } = await ask(
          `/api/v1/runs/${id}/${path}`,
          path === "fork" ? { step: "keep" } : {},
        );
        expect(body.code, `${way} ${path}`).toBe("subject_erased");
      }
      expect((await ask(`/api/v1/runs/${id}/record`)).body.code).toBe("subject_erased");
      expectNone((await ask(`/automations/${id}`)).text, said, customerId);
    }
    for (const url of ["/api/v1/dead-letters", "/api/v1/dead-letters/groups", named]) {
      expectNone((await ask(url)).text, said);
    }
    expect((await run("ok")).body).toMatchObject({
      ...{ state: "completed", input: "[erased]", output: "[erased]" },
      subject: { id: erased.body.id, erasedAt: expect.any(String) },
    });
    const after = await everything(mill);
    expectNone(await readByDump(mill, keys, `${after}\n${stored()}\n${dump}`), said, customerId);
    expectNone(lines.join(""), said, customerId);
    await expect(
      mill.enqueue(`letter-${place}`, { customerId, said, way: "ok" }),
    ).rejects.toMatchObject({ code: "subject_erased" });
  });
});

test("a run whose subject was erased when its worker claims it is cancelled, and its handler is not started", async () => {
  const started = await start();
  const { mill } = started;
  const input = { customerId: "c-1", said: "x", way: "ok" };
  await mill.db.query("update millrace.queue set paused_at = now() where name = 'default'");
  const id = await mill.enqueue("letter-inline", input);
  // As if whoever erased it had died before it cancelled anything.
  await mill.db.query(
    "update millrace.subject set wrapped_key = null, erased_at = now(), erased_by = 'test'",
  );
  mill.intake.subjects.forget();
  await mill.db.query("update millrace.queue set paused_at = null where name = 'default'");
  const run = await mill.untilState(id, "cancelled");
  expect(run).toMatchObject({ output: null });
  const log = await mill.rows("select from millrace.log");
  expect(log).toEqual([]);
});

const customer = z.object({ customerId: z.string() });

/** Jobs of the running test, with all that makes their runs go on. */
async function startWith(...jobs: AnyJob[]) {
  const keys = secretKeys();
  const mill = await Mill.createWith(keys, helper, ...jobs);
  await mill.startWorker();
  await mill.startDispatcher();
  return { mill, ask: await apiOf({ mill, keys }, []) };
}

test("a parent without a subject gets what a child with one gave, which its record has encrypted", async () => {
  const said = canary();
  const got: unknown[] = [];
  const parent = defineJob({
    name: "parent",
    run: async (_input, { step }) => {
      const { helped } = await step.call(helper, { customerId: "c-1", said });
      got.push(helped);
      await step.sleep("rest", "1ms");
    },
  });
  const { mill, ask } = await startWith(parent);
  const id = await mill.enqueue("parent");
  await mill.untilState(id, "completed");
  expect(new Set(got)).toEqual(new Set([said]));
  expectNone(await everything(mill), said);
  expect((await ask(`/api/v1/runs/${id}/record`)).text).toContain(
    JSON.stringify(JSON.stringify(said)).slice(3, -3),
  );
});

test("what a person says that an effect gave is encrypted as if it had given it", async () => {
  const said = canary();
  const pay = defineJob({
    name: "pay",
    subject: "customerId",
    input: customer,
    run: (_input, { step }) =>
      step.effect("charge", {
        do: (): string => {
          throw new Error(`cut off ${said}`);
        },
      }),
  });
  const { mill, ask } = await startWith(pay);
  const id = await mill.enqueue("pay", { customerId: "c-1" });
  await mill.untilState(id, "waiting");
  const [doubt] = (await ask("/api/v1/doubts")).body.doubts;
  expect(JSON.stringify(doubt)).toContain(JSON.stringify(said).slice(1, -1));
  await ask(`/api/v1/runs/${id}/doubts`, { happened: true, value: said });
  await mill.untilState(id, "completed");
  expect((await ask(`/api/v1/runs/${id}`)).body.output).toBe(said);
  expectNone(await everything(mill), said);
});

test("a fork gets what the steps before gave, is about the same subject, and is erased with it", async () => {
  const two = defineJob({
    name: "two",
    subject: "customerId",
    input: customer,
    run: async ({ customerId }, { step }) => {
      const one = await step("one", () => ({ at: new Date(0), customerId }));
      await step("two", () => null);
      return [one.customerId, one.at.getTime()];
    },
  });
  const { mill, ask } = await startWith(two);
  const [customerId, other] = [canary(), canary()];
  const id = await mill.enqueue("two", { customerId });
  await mill.untilState(id, "completed");
  const another = { step: "two", input: { customerId: other } };
  expect((await ask(`/api/v1/runs/${id}/fork`, another)).body).toMatchObject({
    code: "invalid_request",
    detail: expect.stringContaining("another subject"),
  });
  const { body: forked } = await ask(`/api/v1/runs/${id}/fork`, {
    ...another,
    input: { customerId },
  });
  await mill.untilState(forked.id, "completed");
  expect((await ask(`/api/v1/runs/${forked.id}`)).body.output).toEqual([customerId, 0]);
  expectNone(await everything(mill), customerId);
  const { body } = await ask("/api/v1/subjects/erase", { subject: customerId, dryRun: true });
  expect(body).toMatchObject({ runs: 2, open: 0 });
});

test("an erased run that has something to make good ends without that", async () => {
  let undone = 0;
  const trip = defineJob({
    name: "trip",
    subject: "customerId",
    input: customer,
    run: async (_input, { step }) => {
      const saga = step.saga();
      await saga.step(
        "seat",
        () => "12A",
        () => void undone++,
      );
      await step.sleep("long", "30d");
    },
  });
  const { mill, ask } = await startWith(trip);
  const id = await mill.enqueue("trip", { customerId: "c-1" });
  await mill.untilState(id, "waiting");
  await ask("/api/v1/subjects/erase", { subject: "c-1" });
  expect(await mill.state(id)).toBe("cancelled");
  expect(undone).toBe(0);
});

test("of a call to somebody else the record of a run that has a subject does not keep the path", async () => {
  const server = await receivingServer();
  // Long enough to be looked for.
  const customer = "customer 42";
  const job = defineJob({
    name: "calling",
    subject: "customerId",
    input: z.object({ customerId: z.string() }),
    hosts: [`http://${server.host}`],
    run: async ({ customerId }, { fetch }) => {
      const { status } = await fetch(new URL(`/customers/${customerId}`, server.url));
      return status;
    },
  });
  const mill = await Mill.createWith(secretKeys(), job);
  await mill.startWorker();
  const id = await mill.enqueue("calling", { customerId: customer });
  await mill.untilState(id, "completed");
  expect(server.received.map(({ path }) => path)).toEqual(["/customers/customer%2042"]);
  const [called] = await until("it is on record", () =>
    mill
      .rows<{ detail: object }>(
        "select detail from millrace.timeline where run_id = $1 and event = 'called'",
        [id],
      )
      .then((rows) => rows.length > 0 && rows),
  );
  expect(called!.detail).toMatchObject({ method: "GET", host: server.host, status: 204 });
  expect(called!.detail).not.toHaveProperty("path");
  expectNone(await everything(mill), customer);
});
