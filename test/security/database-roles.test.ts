import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkLogins } from "../../packages/server/src/engine/doctor/check-logins.ts";
import {
  DATABASE_ROLES,
  RIGHTS,
  databaseRolesSql,
  grantToRoles,
} from "../../packages/server/src/store/database-roles.ts";
import { mightyLogins } from "../../packages/server/src/store/server-facts.ts";
import { type TestDatabase, createDatabase } from "../support/database.ts";
import { type Rights, rightsFor } from "./needed-rights.ts";
import { KINDS, type Kind, statementsOf } from "./sent-statements.ts";

const LETTERS = {
  s: "select",
  m: "select",
  i: "insert",
  u: "update",
  d: "delete",
  U: "usage",
  x: "execute",
} as const;

const DENIED = "42501";

/** As the table of rights has it. */
function declared(kind: Kind): Rights {
  const place = DATABASE_ROLES.indexOf(`millrace_${kind}`);
  const rights = Object.entries(RIGHTS).map(([name, perRole]): [string, string[]] => [
    name,
    perRole[place]!.split("")
      .map((letter) => LETTERS[letter as keyof typeof LETTERS])
      .sort(),
  ]);
  return Object.fromEntries(rights.filter(([, verbs]) => verbs.length > 0));
}

/** One database with the roles for all tests, and a session that may do what a kind of process may. */
let database: TestDatabase;
let db: pg.Pool;
let client: pg.Client;

beforeAll(async () => {
  database = await createDatabase();
  db = new pg.Pool({ connectionString: database.url, max: 2 });
  await db.query(databaseRolesSql());
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await db.end();
  await database.drop();
});

async function as(kind: Kind): Promise<pg.Client> {
  await client.query(`set session authorization default; set role millrace_${kind}`);
  return client;
}

/** The SQLSTATE of what it is told; undefined when it may. */
async function tried(kind: Kind, sql: string): Promise<string | undefined> {
  await as(kind);
  await client.query("begin");
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    return (error as pg.DatabaseError).code;
  } finally {
    await client.query("rollback");
  }
}

test("S16: each kind of process may do what the statements that it can send must do, and nothing more", async () => {
  for (const kind of KINDS) {
    const texts = await statementsOf(kind);
    expect(texts.size, kind).toBeGreaterThan(30);
    expect(declared(kind), `rights of ${kind} in store/database-roles.ts`).toEqual(
      await rightsFor(db, texts.values()),
    );
  }
});

describe("with the roles of a database", () => {
  test("S16: every statement can be begun by each kind of process that can send it", async () => {
    const denied: string[] = [];
    for (const kind of KINDS) {
      await as(kind);
      let begun = 0;
      for (const [place, text] of await statementsOf(kind)) {
        if (!place.startsWith("store/") || !/^\s*(with|select|insert|update|delete)\b/.test(text)) {
          continue;
        }
        await client.query("deallocate all");
        const prepared = await client.query(`prepare sent as ${text}`).catch(() => undefined);
        // Fragments of statements are in those that have them.
        if (!prepared) continue;
        const { rows } = await client.query<{ count: number }>(
          "select cardinality(parameter_types)::int as count from pg_prepared_statements",
        );
        const nulls = Array.from({ length: rows[0]!.count }, () => "null");
        const execute = nulls.length === 0 ? "sent" : `sent(${nulls.join(", ")})`;
        const refused = await client.query(`explain execute ${execute}`).then(
          () => undefined,
          (error: Error) => `${kind}: ${place}: ${error.message}`,
        );
        if (refused !== undefined) denied.push(refused);
        begun++;
      }
      expect(begun, kind).toBeGreaterThan(30);
    }
    expect(denied).toEqual([]);
  });

  test("S16: none reads what it need not know, and none changes a table", async () => {
    const closed: Record<string, Kind[]> = {
      "select digest from millrace.api_key": ["scheduler", "worker", "maintenance"],
      "insert into millrace.api_key (id) values ('x')": ["scheduler", "worker", "maintenance"],
      "select password from millrace.person": ["scheduler", "worker", "maintenance"],
      "select * from millrace.session": ["scheduler", "worker"],
      "insert into millrace.session (digest) values ('')": ["scheduler", "worker", "maintenance"],
      "select * from millrace.link_secret": ["scheduler", "maintenance"],
      "update millrace.link_secret set secret = ''": KINDS,
      "select sealed from millrace.secret": ["api", "scheduler", "maintenance"],
      "select name from millrace.secret": ["scheduler", "maintenance"],
      "select * from millrace.secret": ["api"],
      // The API checks the signatures of webhooks, and maintenance makes them.
      "select * from millrace.endpoint_secrets('shop')": ["scheduler", "worker", "maintenance"],
      "select * from millrace.sending_secrets('{}')": ["api", "scheduler", "worker"],
      "select * from millrace.second_factor": ["scheduler", "worker", "maintenance"],
      "update millrace.audit set entry = ''": KINDS,
      "delete from millrace.audit": KINDS,
      "insert into millrace.audit (seq, entry, hash) values (1, '{}', '')": KINDS,
      "update millrace.audit_head set seq = 0": KINDS,
      "select entry from millrace.audit": ["scheduler", "worker", "maintenance"],
      "update millrace.secret set source = 'env:A'": ["scheduler", "worker", "maintenance"],
      "delete from millrace.secret": ["scheduler", "worker", "maintenance"],
      "select input from millrace.run_default": ["api", "scheduler", "worker"],
      "update millrace.migration set checksum = ''": KINDS,
      "insert into millrace.migration values (99, 'x', 'x', true)": KINDS,
      "delete from millrace.run": ["api", "scheduler", "worker"],
      "select millrace.retire_partition('run', 'run_default', 1, false)": [
        "api",
        "scheduler",
        "worker",
      ],
      "select millrace.make_partition('run', '2040-01-01', '2040-01-02', 100)": [
        "api",
        "scheduler",
        "worker",
      ],
      "alter table millrace.run add column more text": KINDS,
      "drop table millrace.log": KINDS,
      "truncate millrace.log": KINDS,
      "create table millrace.more (id integer)": KINDS,
      "create or replace function millrace.is_name(name text) returns boolean language sql as 'select true'":
        KINDS,
    };
    for (const [sql, kinds] of Object.entries(closed)) {
      for (const kind of kinds) expect(await tried(kind, sql), `${kind}: ${sql}`).toBe(DENIED);
    }
    expect(await tried("worker", "select sealed from millrace.secret")).toBe(undefined);
  });

  test("S16: API and maintenance get the secrets of webhooks, and no others", async () => {
    await db.query(
      `insert into millrace.secret (name, version, jobs, wrapped_key, sealed, created_by, changed_by)
       select name, 1, jobs::text[], 'a', 'b', 'x', 'x' from (values ('OF_A_JOB', '{shop}'), ('HOOK', '{shop}'), ('OTHER', '{other}'),
         ('WEBHOOK_OPS', '{_webhooks}')) s(name, jobs);
       insert into millrace.webhook_endpoint (name, id, scheme, job, secrets, enabled, created_by, changed_by)
       values ('shop', repeat('x', 32), 'github', 'shop', '[{"name": "HOOK", "until": null}, {"name": "OTHER", "until": null}]', true, 'x', 'x')`,
    );
    const read = async (kind: Kind, sql: string) =>
      (await (await as(kind)).query<{ name: string; sealed: Buffer | null }>(sql)).rows.map(
        ({ name, sealed }) => [name, sealed?.toString()],
      );
    const ofShop = await read(
      "api",
      "select * from millrace.endpoint_secrets('shop') order by name",
    );
    expect(ofShop).toEqual([
      ["HOOK", "b"],
      ["OTHER", undefined],
    ]);
    const names = "{OF_A_JOB,HOOK,WEBHOOK_OPS}";
    expect(await read("maintenance", `select * from millrace.sending_secrets('${names}')`)).toEqual(
      [["WEBHOOK_OPS", "b"]],
    );
  });

  test("S16: maintenance makes partitions and drops them, and they are read and written through their parent", async () => {
    await as("maintenance");
    const made = await client.query<{ made: number }>(
      "select millrace.ensure_partitions('2030-01-01', 1, 1) as made",
    );
    expect(made.rows[0]!.made).toBe(7);
    const owners = await db.query<{ owner: boolean }>(
      `select distinct relowner = (select nspowner from pg_namespace where nspname = 'millrace') as owner
       from pg_class where relname like '%_20300101'`,
    );
    expect(owners.rows).toEqual([{ owner: true }]);
    const log = `insert into millrace.log (run_id, seq, attempt, at, level, message)
      values (millrace.uuid_floor('2030-01-01 12:00+00'), 1, 1, now(), 'info', 'x')`;
    expect(await tried("worker", log)).toBe(undefined);
    expect(await tried("worker", "select from millrace.log_20300101")).toBe(DENIED);
    const dropped = await (
      await as("maintenance")
    ).query("select millrace.retire_partition('log', 'log_20300101', 1000, true)");
    expect(dropped.rowCount).toBe(1);
    const left = await db.query("select from pg_class where relname = 'log_20300101'");
    expect(left.rows).toEqual([]);
  });

  test("what was given besides is taken away, and what a migration adds is given, as often as it is said", async () => {
    await db.query("grant select on millrace.api_key to millrace_worker");
    await db.query("revoke select on millrace.job from millrace_worker");
    await grantToRoles(db);
    expect(await tried("worker", "select from millrace.api_key")).toBe(DENIED);
    expect(await tried("worker", "select from millrace.job")).toBe(undefined);
    await db.query(databaseRolesSql());
    expect(await tried("worker", "select from millrace.job")).toBe(undefined);
  });
});

test("the doctor names logins of other machines that own the tables", async () => {
  expect(await mightyLogins(db)).toEqual([]);
  expect([...checkLogins([])]).toMatchObject([{ level: "ok" }]);
  const found = [
    { user_name: "postgres", superuser: true, sessions: 3 },
    { user_name: "owner", superuser: false, sessions: 1 },
  ];
  expect([...checkLogins(found)]).toMatchObject([
    {
      level: "warn",
      text: "3 sessions of processes on other machines log in as postgres, who is a superuser",
    },
    {
      level: "warn",
      text: "1 session of processes on other machines log in as owner, who owns the tables",
    },
  ]);
});
