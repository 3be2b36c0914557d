import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { defineFlow, defineJob } from "@millrace/sdk";
import {
  Masks,
  MetricsRegistry,
  SecretLeases,
  type SecretKeys,
  buildApi,
  cancel,
  createLogger,
} from "millrace";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { by } from "../support/caller.ts";
import { API_KEY } from "../support/api.ts";
import { Mill, signal } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { leasesOn, storeSecret } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const FILE = join(import.meta.dirname, "jobs/secrets.job.ts");

/** Another one in each test, with whatever may be written in another way. */
const canary = () => `canary ${randomBytes(12).toString("base64")}/+"ö&\\`;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A worker that logs all that it can, and the secret for its jobs. */
async function millWith(
  { keys = secretKeys(), value = canary() }: { keys?: SecretKeys; value?: string } = {},
  mill?: Mill,
) {
  const started = mill ?? (await Mill.load(FILE));
  await storeSecret(started.db, keys, "CRM_TOKEN", value);
  const lines: string[] = [];
  const secrets = leasesOn(started.db, keys);
  const write = (line: string) => void lines.push(line);
  const logger = createLogger("debug", { write }, secrets.masks.mask);
  await started.startWorker({ secrets, logger });
  await started.startDispatcher();
  return { mill: started, value, lines, keys };
}

/** Every row of every table, as text. */
async function everything(mill: Mill): Promise<string> {
  const tables = await mill.rows<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c where relnamespace = 'millrace'::regnamespace and relkind = 'r'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await mill.rows<{ text: string }>(`select t::text as text from ${name} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}

function expectNone(text: string, value: string): void {
  const found = Masks.of({ CANARY: value }).mask(text);
  const at = found.indexOf("[secret CANARY]");
  expect(at, found.slice(Math.max(0, at - 200), at + 100)).toBe(-1);
}

const errorOf = async (mill: Mill, id: string) => {
  const rows = await mill.rows<{ class: string; message: string }>(
    "select error_class as class, error_message as message from millrace.attempt where run_id = $1 order by number desc limit 1",
    [id],
  );
  return rows[0]!;
};

describe.each(["inline", "thread", "process"])("a handler that runs %s", (place) => {
  const job = `secret-${place}`;

  test("S5: gets the secret that its job declares, and neither keys nor the database with it", async () => {
    const { mill, value } = await millWith();
    const { output } = await mill.untilState(
      await mill.enqueue(job, { way: "digest" }),
      "completed",
    );
    expect(output).toMatchObject({ sha256: sha256(value) });
    if (place === "process") expect(output).toMatchObject({ elsewhere: true, env: [] });
  });

  test("S11: prints its context without the secret", async () => {
    const { mill, value } = await millWith();
    const run = await mill.untilState(await mill.enqueue(job, { way: "inspected" }), "completed");
    const { printed } = run.output as { printed: string };
    expect(printed).toContain("CRM_TOKEN");
    expectNone(printed, value);
  });

  test("is told when it asks for one that its job does not declare", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "undeclared" });
    await mill.untilState(id, "failed");
    expect((await errorOf(mill, id)).message).toContain(
      `job ${job} does not declare the secret OTHER_TOKEN; add it to its secrets`,
    );
  });

  test("S11: finds the secret masked in whatever it tells, at the level of debugging", async () => {
    const { mill, value, lines, keys } = await millWith();
    const ways = ["tell", "cut", "final", "effect", "called", "calledLate"];
    // What a handler writes past its context is heard of a process alone.
    if (place === "process") ways.push("print", "die");
    const runs: string[] = [];
    for (const way of ways) runs.push(await mill.enqueue(job, { way }));
    for (const [index, way] of ways.entries()) {
      await mill.untilState(runs[index]!, way === "print" ? "completed" : "failed");
    }
    const recorded = await everything(mill);
    expect(recorded).toContain("[secret CRM_TOKEN]");
    expectNone(recorded, value);
    expect(lines.join("")).toContain("[secret CRM_TOKEN]");
    expectNone(lines.join(""), value);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();

    const api = await buildApi({
      ...{ db: mill.db, intake: mill.intake, ring: () => {}, logger: mill.logger },
      ...{ apiKey: API_KEY, secretKeys: keys, version: "1", metrics: new MetricsRegistry() },
      health: async () => ({ ok: true, checks: {} }),
    });
    onTestFinished(() => api.close());
    const paths = ["/api/v1/secrets", "/api/v1/runs", "/api/v1/dead-letters", "/api/v1/doubts"];
    for (const id of runs) {
      paths.push(
        `/api/v1/runs/${id}`,
        `/api/v1/runs/${id}/logs`,
        `/api/v1/runs/${id}/logs/stream`,
        `/api/v1/runs/${id}/published`,
      );
      paths.push(`/api/v1/runs/${id}/record`, `/automations/${id}`);
    }
    for (const url of paths) {
      const { body, statusCode } = await api.inject({
        url,
        headers: { authorization: `Bearer ${API_KEY}` },
      });
      if (!url.endsWith("/record")) expect([url, statusCode]).toEqual([url, 200]);
      expectNone(body, value);
    }
  });

  test("S11: may not put the secret on record, in whatever way: the run fails for good", async () => {
    const { mill, value } = await millWith();
    const ways = ["output", "step", "wait", "approval", "child", "successor"];
    ways.push("named", "namedWait", "namedEffect");
    const runs = await Promise.all(ways.map((way) => mill.enqueue(job, { way })));
    for (const [index, way] of ways.entries()) {
      const id = runs[index]!;
      const run = await mill.untilState(id, "failed");
      expect(run, way).toMatchObject({ attempts: 1, output: null });
      expect((await errorOf(mill, id)).message, way).toContain("contains the secret CRM_TOKEN");
    }
    expectNone(await everything(mill), value);
  });
});

const digest = defineJob({
  name: "digest",
  secrets: ["CRM_TOKEN"],
  // More than are made while a test does what ends them, on a machine however busy.
  retry: { maxAttempts: 1000, firstDelay: "5ms", maxDelay: "5ms" },
  run: (_input, { secrets }) => sha256(secrets.CRM_TOKEN),
});

describe("an attempt", () => {
  test("S5: that does not get its secret fails, says why, and is tried again; the environment is no substitute", async () => {
    const mill = await Mill.create(digest);
    const keys = secretKeys();
    const env = { CRM_TOKEN: "of-the-environment" };
    await mill.startWorker({ secrets: leasesOn(mill.db, keys, { env }) });
    await mill.startDispatcher();
    const said = async (id: string, message: string) =>
      mill.rows("select from millrace.attempt where run_id = $1 and error_message like $2", [
        id,
        `%${message}%`,
      ]);
    const id = await mill.enqueue("digest");
    await until("it is not set", async () => {
      const rows = await said(
        id,
        "CRM_TOKEN: it is not set; millrace secrets set CRM_TOKEN --job digest",
      );
      return rows.length > 0;
    });
    await storeSecret(mill.db, keys, "CRM_TOKEN", canary(), ["another"]);
    await until("it is not bound", async () => {
      return (await said(id, "CRM_TOKEN: it is not bound to this job")).length > 0;
    });
    const value = canary();
    await storeSecret(mill.db, keys, "CRM_TOKEN", value, ["another", "digest"]);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: sha256(value) });
  });

  test("S6: whose secret was tampered with, or is another's, fails in one and the same way", async () => {
    const patient = defineJob({
      name: "patient",
      secrets: ["ONE", "TWO"],
      retry: { maxAttempts: 1 },
      run: () => "never",
    });
    const mill = await Mill.create(patient);
    const keys = secretKeys();
    await storeSecret(mill.db, keys, "ONE", canary());
    await storeSecret(mill.db, keys, "TWO", canary());
    await mill.rows(
      `update millrace.secret s set wrapped_key = o.wrapped_key, sealed = o.sealed from millrace.secret o where o.name <> s.name`,
    );
    await mill.startWorker({ secrets: leasesOn(mill.db, keys) });
    const id = await mill.enqueue("patient");
    await mill.untilState(id, "failed");
    const why = "it is not what was stored, or its key is not there";
    expect((await errorOf(mill, id)).message).toBe(
      `job patient does not get its secrets: ONE: ${why}; TWO: ${why}`,
    );
  });

  test("gets what its secret refers to, and fails where that is not there", async () => {
    const mill = await Mill.create(digest);
    const env: NodeJS.ProcessEnv = {};
    const keys = secretKeys([]);
    await mill.rows(
      `insert into millrace.secret (name, version, source, created_by, changed_by) values ('CRM_TOKEN', 1, 'env:THE_TOKEN', 'test', 'test')`,
    );
    await mill.startWorker({ secrets: leasesOn(mill.db, keys, { env }) });
    await mill.startDispatcher();
    const id = await mill.enqueue("digest");
    await until("it says so", async () => {
      const { message } = await errorOf(mill, id);
      return message.includes(
        "CRM_TOKEN: the variable THE_TOKEN is not set in the environment of this worker",
      );
    });
    env["THE_TOKEN"] = "from-the-environment\n";
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: sha256("from-the-environment"),
    });
  });
});

test("secrets are loaded once for all runs of half a minute, and when that is over and the database is away, runs wait for them", async () => {
  const mill = await Mill.create(digest);
  const keys = secretKeys();
  const [first, second] = [canary(), canary()];
  await storeSecret(mill.db, keys, "CRM_TOKEN", first);
  let now = 0;
  const asked: string[] = [];
  const away = new pg.Pool({ connectionString: "postgresql://millrace@127.0.0.1:1/away" });
  onTestFinished(() => away.end());
  let reached = mill.db;
  const db = { query: (config: pg.QueryConfig) => reached.query(config) } as typeof mill.db;
  const leases = leasesOn(db, keys, { now: () => now, asked });
  await Promise.all(Array.from({ length: 20 }, () => leases.lease(digest)));
  now = 29_999;
  expect(await leases.lease(digest)).toEqual({ CRM_TOKEN: first });
  expect(asked).toEqual(["digest"]);

  await storeSecret(mill.db, keys, "CRM_TOKEN", second);
  now = 30_000;
  expect(leases.held(digest)).toBeUndefined();
  expect(await leases.lease(digest)).toEqual({ CRM_TOKEN: second });

  reached = away;
  now = 59_999;
  expect(await leases.lease(digest)).toEqual({ CRM_TOKEN: second });
  now = 60_000;
  await expect(leases.lease(digest)).rejects.toThrow("the database gives no answer");
  expect(leases.held(digest)).toBeUndefined();
});

test("a run that is to end, and whose secret is gone, makes good what it did when that is there again", async () => {
  const seats: string[] = [];
  const trip = defineJob({
    name: "trip",
    secrets: ["CRM_TOKEN"],
    retry: { maxAttempts: 100, firstDelay: "20ms", maxDelay: "20ms" },
    run: async (_input, { step }) => {
      const saga = step.saga();
      await saga.step(
        "seat",
        () => void seats.push("booked"),
        () => void seats.push("released"),
      );
      await step.sleep("travel", "1d");
    },
  });
  const mill = await Mill.create(trip);
  const keys = secretKeys();
  await storeSecret(mill.db, keys, "CRM_TOKEN", canary());
  let now = 0;
  await mill.startWorker({ secrets: leasesOn(mill.db, keys, { now: () => now }) });
  await mill.startDispatcher();
  const id = await mill.enqueue("trip");
  await mill.untilState(id, "waiting");

  await mill.rows("delete from millrace.secret");
  now = 30_000;
  await cancel(mill.db, by("test"), { runId: id, reason: null });
  await until("it says why nothing is made good", async () => {
    const rows = await mill.rows(
      "select from millrace.attempt where run_id = $1 and error_message like $2",
      [
        id,
        "what the run did could not be made good%does not get its secrets: CRM_TOKEN: it is not set%",
      ],
    );
    return rows.length > 0;
  });
  expect(seats).toEqual(["booked"]);
  await storeSecret(mill.db, keys, "CRM_TOKEN", canary());
  await mill.untilState(id, "cancelled");
  expect(seats).toEqual(["booked", "released"]);
});

test("a job that declares no secrets gets none, and none are asked for", async () => {
  const plain = defineJob({ name: "plain", run: (_input, { secrets }) => Object.keys(secrets) });
  const mill = await Mill.create(plain);
  const asked: string[] = [];
  await mill.startWorker({ secrets: leasesOn(mill.db, secretKeys(), { asked }) });
  const { output } = await mill.untilState(await mill.enqueue("plain"), "completed");
  expect([output, asked]).toEqual([[], []]);
});

test("the runs of a batch, and the nodes of a flow, get the secrets of their job", async () => {
  const batch = defineJob({
    name: "batch",
    secrets: ["CRM_TOKEN"],
    batch: { size: 2, wait: "1s" },
    run: (inputs, { secrets }) => inputs.map(() => sha256(secrets.CRM_TOKEN)),
  });
  const flow = defineFlow({ name: "flow", secrets: ["CRM_TOKEN"] })
    .node("one", (_needs, { secrets }) => sha256(secrets.CRM_TOKEN))
    .map(
      "each",
      {},
      () => [1],
      (_item, { secrets }) => sha256(secrets.CRM_TOKEN),
    );
  const { mill, value } = await millWith({}, await Mill.create(batch, flow));
  const ids = [await mill.enqueue("batch"), await mill.enqueue("batch")];
  for (const id of ids) {
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: sha256(value) });
  }
  expect(await mill.untilState(await mill.enqueue("flow"), "completed")).toMatchObject({
    output: { one: sha256(value), each: [sha256(value)] },
  });
});

test("a worker that was not told where secrets come from refuses jobs that declare some", async () => {
  const mill = await Mill.create(digest);
  await expect(mill.startWorker()).rejects.toThrow(
    "job digest: secrets needs a worker that was made with the option secrets",
  );
});

test("while the secrets of an isolated job are looked for, no more of its runs are claimed than there are places", async () => {
  const mill = await Mill.load(FILE);
  const found = signal();
  const secrets = new SecretLeases(async () => {
    await found.promise;
    return { values: { CRM_TOKEN: canary() }, goodForMs: 30_000 };
  });
  for (let n = 0; n < 10; n++) await mill.enqueue("secret-thread", { way: "tell" });
  await mill.startWorker({ secrets, concurrency: 20 });
  const held = () =>
    mill.rows("select coalesce(sum(cardinality(run_ids)), 0)::int as held from millrace.lease");
  await until("it holds some", async () => (await held())[0]!["held"] !== 0);
  await mill.untilState(await mill.enqueue("greet", { name: "Ada" }), "completed");
  expect(await held()).toEqual([{ held: 2 }]);
  found.fire();
});
