import { defineJob } from "@millrace/sdk";
import { JobRegistry, KeyRing, SubjectEnder, Subjects, requireKeys, rotateSecrets } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { eraseSubject } from "../../packages/server/src/engine/subjects/erase.ts";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { patchedInputOf } from "../../packages/server/src/engine/patched-input.ts";
import { rerun } from "../../packages/server/src/engine/rerun.ts";
import { openRows } from "../../packages/server/src/engine/subjects/open-content.ts";
import { onFailpoint } from "../../packages/server/src/runtime/failpoints.ts";
import { readRun } from "../../packages/server/src/store/runs.ts";
import { Mill } from "../support/mill.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";
import { ADMIN } from "../support/secrets.ts";

const Input = z.object({
  customer: z.object({ id: z.union([z.string(), z.number()]) }),
  n: z.number().optional(),
});

const welcome = defineJob({
  name: "welcome",
  subject: "customer.id",
  concurrency: { key: "customer.id", limit: 1 },
  input: Input,
  run: ({ n }) => n ?? null,
});

const plain = defineJob({ name: "plain", input: z.json(), run: (input) => input });

async function start(
  ...jobs: Parameters<typeof Mill.createWith> extends [unknown, ...infer J] ? J : never
) {
  const keys = secretKeys();
  const mill = await Mill.createWith(keys, welcome, plain, ...jobs);
  const { subjects } = mill.intake;
  const of = (id: string | number, n?: number) => ({
    customer: { id },
    ...(n !== undefined && { n }),
  });
  const erase = (name: string, more = {}) =>
    eraseSubject(mill.db, ADMIN, subjects, { name, ...more });
  const input = async (id: string) => {
    const [run] = await openRows(subjects, await readRun(mill.db, id));
    return run!.input;
  };
  return { mill, keys, subjects, of, erase, input };
}

test("S6: keys of subjects come under a new key of the server while runs are read; without the old one all open", async () => {
  const old = newKey();
  const fresh = newKey();
  const mill = await Mill.createWith(secretKeys([old]), welcome);
  const runs: string[] = [];
  for (let n = 0; n < 1100; n++) runs.push("");
  const results = await mill.intake.acceptMany(
    runs.map((_, n) => ({
      job: "welcome",
      input: { customer: { id: `c-${n}` }, n },
      trigger: "api",
    })),
  );
  const ids = results.map((result) => ("run" in result ? result.run.id : String(result.error)));
  const both = secretKeys([fresh, old]);
  let rotating = true;
  const read = async (n: number, keys = both) => {
    const [run] = await openRows(new Subjects(mill.db, keys), await readRun(mill.db, ids[n]!));
    expect(run!.input).toEqual({ customer: { id: `c-${n}` }, n });
  };
  const reader = (async () => {
    for (let n = 0; rotating; n = (n + 7) % ids.length) await read(n);
  })();
  const rotated = await rotateSecrets(mill.db, ADMIN, both).finally(() => {
    rotating = false;
  });
  await reader;
  expect(rotated).toMatchObject({ keyId: new KeyRing([fresh]).first.id, subjects: 1100 });
  const alone = secretKeys([fresh]);
  await requireKeys(mill.db, alone);
  for (const n of [0, 500, 1099]) await read(n, alone);
  await expect(requireKeys(mill.db, secretKeys([old]))).rejects.toMatchObject({
    code: "secret_key_missing",
  });
  // The name is found by the same hash.
  const again = new Subjects(mill.db, alone);
  await eraseSubject(mill.db, ADMIN, again, { name: "c-500" });
  const [run] = await openRows(again, await readRun(mill.db, ids[500]!));
  expect(run!.input).toBe("[erased]");
});

test("S6: whoever dies between the destroyed key and the cancelled runs leaves runs to maintenance", async () => {
  const { mill, of, erase, input } = await start();
  const ids = [await mill.enqueue("welcome", of("c-1")), await mill.enqueue("welcome", of("c-1"))];
  const other = await mill.enqueue("welcome", of("c-2"));
  onTestFinished(() => onFailpoint(undefined));
  onFailpoint((point) => {
    if (point === "erase.between") throw new Error("it died");
  });
  await expect(erase("c-1")).rejects.toThrow("it died");
  onFailpoint(undefined);
  mill.intake.subjects.forget();
  expect(await input(ids[0]!)).toBe("[erased]");
  expect(await mill.state(ids[0]!)).toBe("queued");
  const ender = new SubjectEnder(mill);
  onTestFinished(() => ender.stop());
  await ender.start();
  for (const id of ids) await mill.untilState(id, "cancelled");
  expect(await mill.state(other)).toBe("queued");
  expect(await input(other)).toEqual(of("c-2"));
  expect(await mill.rows("select from millrace.subject where ending")).toEqual([]);
});

test("S6: of erasures and runs that come at once, no run is left open that can be read, or is read", async () => {
  const { mill, keys, of, erase, input } = await start();
  await mill.enqueue("welcome", of("c-1"));
  // Another process, which holds the key for seconds still.
  const held = new Subjects(mill.db, keys);
  await held.named("c-1");
  const asked = Array.from({ length: 30 }, (_, n) =>
    mill.enqueue("welcome", of("c-1", n)).catch((error: unknown) => error),
  );
  const erased = erase("c-1");
  const more = Array.from({ length: 30 }, (_, n) =>
    mill.enqueue("welcome", of("c-1", n)).catch((error: unknown) => error),
  );
  await erased;
  for (const result of await Promise.all([...asked, ...more])) {
    if (typeof result !== "string") expect(result).toMatchObject({ code: "subject_erased" });
    else {
      expect(await mill.state(result)).toBe("cancelled");
      expect(await input(result)).toBe("[erased]");
    }
  }
  const text = JSON.stringify(of("c-1"));
  const sealed = await held.sealInput("welcome", ["customer", "id"], { input: of("c-1"), text });
  await expect(
    mill.db.query(
      "select millrace.enqueue_many(jsonb_build_array(jsonb_build_object('job', 'welcome', 'trigger', 'api', 'input', $1::jsonb)))",
      [sealed],
    ),
  ).rejects.toMatchObject({ code: "ML051" });
});

test("new runs of an erased subject are refused until its name is set free; then they come under another key", async () => {
  const { mill, of, erase, input } = await start();
  const before = await mill.enqueue("welcome", of(42));
  await erase("42");
  await expect(mill.enqueue("welcome", of("42"))).rejects.toMatchObject({ code: "subject_erased" });
  const [bad, good] = await mill.intake.acceptMany([
    { job: "welcome", input: of(42), trigger: "api" },
    { job: "welcome", input: of(43), trigger: "api" },
  ]);
  expect(bad).toMatchObject({ error: { code: "subject_erased" } });
  expect(good).toMatchObject({ run: { created: true } });
  await erase("42", { forget: true });
  const after = await mill.enqueue("welcome", of(42));
  expect(await input(after)).toEqual(of(42));
  expect(await input(before)).toBe("[erased]");
  await expect(erase("nobody")).rejects.toMatchObject({ code: "subject_not_found" });
  const audit = await mill.rows<{ entry: string; object: string }>(
    "select entry, object from millrace.audit where action = 'subject.erased'",
  );
  expect(audit).toHaveLength(2);
  for (const { object } of audit) expect(object).toMatch(/^subject:[0-9a-f-]{36}$/);
});

test("the subject is the key of limits by its id, and a repeated request is known by its idempotency key", async () => {
  const { mill, of } = await start();
  const accept = (n: number) =>
    mill.intake.accept({
      job: "welcome",
      input: of("c-1", n),
      trigger: "api",
      idempotencyKey: "k",
    });
  const first = await accept(1);
  expect(await accept(1)).toMatchObject({ id: first.id, created: false });
  await expect(accept(2)).rejects.toMatchObject({ code: "idempotency_key_reused" });
  const rows = await mill.rows<{ key: string; id: string }>(
    'select millrace.key_text(r.input, \'["customer", "id"]\') as key, s.subject_id::text as id from millrace.run r join millrace.run_subject s on s.run_id = r.id',
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]!.key).toBe(rows[0]!.id);
});

test("what would be kept in clear is refused, by whatever way it comes", async () => {
  const { mill, of } = await start();
  const refused = { code: "ML050", hint: expect.stringContaining("SQL has no key") };
  const sql = (text: string, ...values: unknown[]) => mill.db.query(text, values);
  await expect(sql("select millrace.enqueue('welcome', $1)", of("c-1"))).rejects.toMatchObject(
    refused,
  );
  await mill.enqueue("welcome", of("c-1"));
  const [{ input }] = (await mill.rows<{ input: object }>("select input from millrace.run")) as [
    { input: object },
  ];
  // Nor may what is encrypted be sent again, by SQL or over the API, by whoever has a copy.
  await expect(sql("select millrace.enqueue('welcome', $1)", input)).rejects.toMatchObject(refused);
  await expect(mill.enqueue("plain", input)).rejects.toMatchObject({ code: "invalid_input" });
  await expect(
    sql("select millrace.create_schedule('nightly', 'welcome', cron => '0 3 * * *')"),
  ).rejects.toMatchObject({ code: "ML050" });
  await expect(mill.enqueue("welcome", { customer: { id: "" } })).rejects.toMatchObject({
    code: "invalid_input",
    pointer: "/customer/id",
  });
  expect(await mill.rows("select from millrace.run")).toHaveLength(1);
});

test("a job that declares a subject needs a key of the server, and no schedule", async () => {
  const mill = await Mill.create(plain);
  const registry = new JobRegistry([welcome]);
  await expect(registry.register(mill.db)).rejects.toMatchObject({ code: "secret_key_missing" });
  await mill.db.query("select millrace.create_schedule('nightly', 'plain', cron => '0 3 * * *')");
  const later = defineJob({
    name: "plain",
    subject: "id",
    input: z.object({ id: z.string() }),
    run: () => null,
  });
  await expect(new JobRegistry([later]).register(mill.db, { keys: secretKeys() })).rejects.toThrow(
    "job plain: subject: it has the schedule nightly, whose input is kept in clear",
  );
});

test("a rerun, a fork and a patch are of the same subject, and leave nothing in clear", async () => {
  const { mill, of, input } = await start();
  const id = await mill.enqueue("welcome", of("c-1", 1));
  await mill.startWorker();
  await mill.untilState(id, "completed");
  const again = await rerun(mill.db, ADMIN, { runId: id });
  expect(await input(again.id)).toEqual(of("c-1", 1));
  const patch = [{ op: "replace" as const, path: "/n", value: 77_777_777 }];
  const patched = await patchedInputOf(mill.db, mill.intake, id, patch);
  const third = await rerun(mill.db, ADMIN, { runId: id, patched });
  expect(await input(third.id)).toEqual(of("c-1", 77_777_777));
  const events = await mill.rows<{ text: string }>("select e::text as text from millrace.event e");
  expect(events.map(({ text }) => text).join("")).not.toContain("77777777");
  expect(await mill.rows("select from millrace.run_subject")).toHaveLength(3);
  await expect(fork(mill.db, ADMIN, { runId: id, step: "none", ordinal: 1 })).rejects.toMatchObject(
    { code: "step_not_found" },
  );
});

test("where no job has ever declared a subject there is none to erase or to list, with keys or without", async () => {
  const mill = await Mill.create(plain);
  for (const subjects of [new Subjects(mill.db), new Subjects(mill.db, secretKeys())]) {
    await expect(eraseSubject(mill.db, ADMIN, subjects, { name: "c-42" })).rejects.toMatchObject({
      code: "subject_not_found",
    });
    expect(await subjects.idOf("c-42")).toBeNull();
  }
});
