import { defineJob } from "@millrace/sdk";
import pg from "pg";
import { loadSecrets } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { GivenSecrets } from "../../packages/server/src/engine/given-secrets.ts";
import { asCaller } from "../../packages/server/src/engine/as-caller.ts";
import { AuditChain } from "../../packages/server/src/security/audit-chain.ts";
import { EnvironmentSource } from "../../packages/server/src/security/environment-source.ts";
import { FileSource } from "../../packages/server/src/security/file-source.ts";
import { readAuditHead } from "../../packages/server/src/store/audit.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";
import { storeSecret } from "../support/secrets.ts";

interface Entry extends Record<string, unknown> {
  seq: number;
  entry: string;
  hash: string;
}

const entriesOf = (mill: Mill) =>
  mill.rows<Entry>(
    "select seq, entry, encode(hash, 'hex') as hash from millrace.audit order by seq",
  );

const saidIn = async (mill: Mill) =>
  (await entriesOf(mill)).map(({ entry }) => JSON.parse(entry) as Record<string, unknown>);

test("S17: twenty who write at once, and lock things in any order, leave one chain and no deadlock", async () => {
  const mill = await Mill.create(defineJob({ name: "shared", run: () => null }));
  const writers = 20;
  const times = 5;
  await mill.rows(
    "insert into millrace.queue (name) select 'own-' || n from generate_series(1, $1) n",
    [writers],
  );
  const pool = new pg.Pool({ connectionString: mill.url, max: writers });
  onTestFinished(() => pool.end());
  const lockShared = "select from millrace.job for update";
  const write = async (n: number) => {
    const client = await pool.connect();
    try {
      for (let time = 0; time < times; time++) {
        const own = `update millrace.queue set paused_at = now(), paused_by = '${n}', pause_reason = '${time}' where name = 'own-${n}'`;
        // Some share no lock but the audit's own.
        const orders = [[lockShared, own], [own, lockShared], [own]];
        for (const statement of ["begin", ...orders[n % 3]!, "commit"]) {
          await client.query(statement);
        }
      }
    } finally {
      client.release();
    }
  };
  const told = async (n: number) =>
    asCaller(mill.db, by(`number ${n}`), "operate", "own", async (tx, tell) => {
      tell("run.cancelled", `run:${n}`);
      tell("run.rerun", `run:${n}`);
      if (n % 2 === 0) await tx.query({ text: lockShared });
    });
  const all = Array.from({ length: writers }, (_, n) => n + 1);
  await Promise.all([...all.map(write), ...all.map(told)]);

  const entries = await entriesOf(mill);
  expect(entries).toHaveLength(writers * times + writers * 2);
  const chain = new AuditChain();
  for (const entry of entries) expect(chain.add(entry)).toBe(undefined);
  expect(await readAuditHead(mill.db)).toEqual([chain.head]);
});

test("S17: what was written is not changed, removed or emptied; the error says so", async () => {
  const mill = await Mill.create();
  await mill.rows("insert into millrace.queue (name, concurrency) values ('one', 1)");
  const [before] = await entriesOf(mill);
  for (const text of [
    "update millrace.audit set hash = hash",
    "delete from millrace.audit",
    "truncate millrace.audit",
    "insert into millrace.audit (seq, entry, hash) select seq, entry, hash from millrace.audit on conflict (seq) do update set entry = '{}'",
  ]) {
    await expect(mill.rows(text), text).rejects.toMatchObject({
      code: "ML070",
      message: expect.stringContaining("the audit only grows"),
    });
  }
  expect(await entriesOf(mill)).toEqual([before]);
});

test("S17: what is taken back leaves nothing, and the next entry follows the last that stayed", async () => {
  const mill = await Mill.create();
  const limit = (n: number) => `update millrace.queue set concurrency = ${n} where name = 'one'`;
  await mill.rows("insert into millrace.queue (name) values ('one')");
  await mill.rows(limit(1));
  const client = await mill.connection();
  for (const text of ["begin", limit(2), "select millrace.note_audit('run.rerun', 'run:x')"]) {
    await client.query(text);
  }
  await client.query("rollback");
  await mill.rows(limit(3));
  const chain = new AuditChain();
  for (const entry of await entriesOf(mill)) expect(chain.add(entry)).toBe(undefined);
  expect(chain.head.seq).toBe(2);
});

test("S17: that a process gives a secret to a job is on record once for each version, before it is given", async () => {
  const mill = await Mill.create();
  const keys = secretKeys([newKey()]);
  const sources = { env: new EnvironmentSource({}), file: new FileSource("/nowhere") };
  const given = new GivenSecrets(mill.db, "worker:here:7");
  const load = (job = "sync") =>
    loadSecrets(mill.db, { keys, sources, onGiven: given.note }, job, ["TOKEN"]);
  await storeSecret(mill.db, keys, "TOKEN", "the first value");
  for (let again = 0; again < 3; again++) await load();
  await load("other");
  await storeSecret(mill.db, keys, "TOKEN", "the second value");
  await load();
  const gifts = (await saidIn(mill)).filter(({ action }) => action === "secret.given");
  expect(gifts).toMatchObject([
    { actor: "worker:here:7", object: "secret:TOKEN", after: { version: 1, job: "sync" } },
    { after: { version: 1, job: "other" } },
    { after: { version: 2, job: "sync" } },
  ]);
  expect(JSON.stringify(await entriesOf(mill))).not.toContain("value");

  await mill.rows("alter table millrace.audit rename to elsewhere");
  await expect(load("third")).rejects.toThrow("millrace.audit");
});
