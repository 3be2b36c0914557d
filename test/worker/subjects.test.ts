import { randomBytes } from "node:crypto";
import { defineJob } from "@millrace/sdk";
import { Masks, MetricsRegistry, type SecretKeys, Subjects, buildApi, createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { API_KEY } from "../support/api.ts";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";

const canary = () => `canary ${randomBytes(12).toString("base64")}/+"ö&\\`;

export const helper = defineJob({
  name: "helper",
  subject: "customerId",
  input: z.object({ customerId: z.string(), said: z.string() }),
  run: ({ said }) => ({ helped: said }),
});

const Input = z.object({ customerId: z.string(), said: z.string(), way: z.string() });

const letter = defineJob({
  name: "letter",
  subject: "customerId",
  concurrency: { key: "customerId", limit: 5 },
  input: Input,
  retry: { maxAttempts: 1 },
  run: async ({ customerId, said, way }, { log, progress, publish, step }) => {
    log.info(`about ${said}`, { said });
    progress(1, 2, said);
    await publish("where", { said });
    const kept = await step("keep", () => ({ said }));
    const { helped } = await step.call(helper, { customerId, said });
    if (way === "fail") throw new TypeError(`it is ${said}`);
    if (way === "wait") await step.sleep("long", "30d");
    return { kept, helped };
  },
});

async function start() {
  const keys = secretKeys();
  const mill = await Mill.createWith(keys, letter, helper);
  const lines: string[] = [];
  const logger = createLogger("debug", { write: (line: string) => void lines.push(line) });
  await mill.startWorker({ subjects: new Subjects(mill.db, keys), logger });
  await mill.startDispatcher();
  return { mill, keys, lines };
}

async function everything(mill: Mill): Promise<string> {
  const tables = await mill.rows<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c where relnamespace = 'millrace'::regnamespace and relkind = 'r'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await mill.rows<{ text: string }>(`select '${name} ' || t::text as text from ${name} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}

function expectNone(text: string, value: string): void {
  const found = Masks.of({ CANARY: value }).mask(text);
  const at = found.indexOf("[secret CANARY]");
  expect(at, found.slice(Math.max(0, at - 200), at + 100)).toBe(-1);
}

async function apiOf(mill: Mill, keys: SecretKeys) {
  const api = await buildApi({
    ...{ db: mill.db, intake: mill.intake, ring: () => {}, logger: mill.logger },
    ...{ apiKey: API_KEY, secretKeys: keys, version: "1", metrics: new MetricsRegistry() },
    health: async () => ({ ok: true, checks: {} }),
  });
  onTestFinished(() => api.close());
  return async (url: string, json?: unknown) => {
    const { body, statusCode } = await api.inject({
      url,
      method: json === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${API_KEY}`, ...(json !== undefined && { "content-type": "application/json" }) },
      ...(json !== undefined && { payload: JSON.stringify(json) }),
    });
    return { status: statusCode, body: JSON.parse(body) as any, text: body };
  };
}

test("what a run keeps of its subject is in no table and no log, and is gone with the key", async () => {
  const { mill, keys, lines } = await start();
  const said = canary();
  const customerId = canary();
  const ok = await mill.enqueue("letter", { customerId, said, way: "ok" });
  const bad = await mill.enqueue("letter", { customerId, said, way: "fail" });
  const open = await mill.enqueue("letter", { customerId, said, way: "wait" });
  await mill.untilState(ok, "completed");
  await mill.untilState(bad, "failed");
  await mill.untilState(open, "waiting");
  const recorded = await everything(mill);
  expectNone(recorded, said);
  expectNone(recorded, customerId);
  expectNone(lines.join(""), said);
  expectNone(lines.join(""), customerId);

  const ask = await apiOf(mill, keys);
  const run = await ask(`/api/v1/runs/${ok}`);
  expect(run.body).toMatchObject({
    input: { customerId, said },
    output: { kept: { said }, helped: said },
    progress: { message: said },
  });
  expect((await ask(`/api/v1/runs/${ok}/logs`)).body.lines[0]).toMatchObject({ message: `about ${said}`, fields: { said } });
  expect((await ask(`/api/v1/runs/${ok}/published`)).body.published[0]).toMatchObject({ value: { said } });
  expect((await ask(`/api/v1/runs/${bad}`)).body.error).toEqual({ class: "TypeError", message: `it is ${said}` });
  expect((await ask(`/api/v1/dead-letters`)).text).toContain(JSON.stringify(`it is ${said}`).slice(1, -1));
  expect((await ask(`/api/v1/runs?subject=${encodeURIComponent(customerId)}`)).body.runs).toHaveLength(6);

  const would = await ask("/api/v1/subjects/erase", { subject: customerId, dryRun: true });
  expect(would.body).toMatchObject({ erasedAt: null, runs: 6, open: 1 });
  const done = await ask("/api/v1/subjects/erase", { subject: customerId });
  expect(done.body).toMatchObject({ runs: 6, open: 1 });
  expect(await mill.state(open)).toBe("cancelled");
  for (const id of [ok, bad, open]) {
    for (const path of ["", "/logs", "/published", "/record", "/graph"]) {
      const { text, status } = await ask(`/api/v1/runs/${id}${path}`);
      expect([path, status]).toEqual([path, 200]);
      expectNone(text, said);
    }
    expectNone((await ask(`/automations/${id}`)).text, said);
    expect((await ask(`/api/v1/runs/${id}/rerun`, {})).body).toMatchObject({ code: "subject_erased" });
  }
  expect((await ask(`/api/v1/runs/${ok}`)).body).toMatchObject({ input: "[erased]", output: "[erased]", state: "completed" });
  await expect(mill.enqueue("letter", { customerId, said, way: "ok" })).rejects.toMatchObject({ code: "subject_erased" });
});
