import { defineJob } from "@millrace/sdk";
import { JobRegistry, keepPartitions } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  countFound,
  findRuns,
  lookOf,
  pickAll,
} from "../../packages/server/src/engine/search/look-through.ts";
import { planOf } from "../../packages/server/src/engine/search/plan-look.ts";
import { proveFields, readFieldReach } from "../../packages/server/src/store/job-fields.ts";
import { searchRuns } from "../../packages/server/src/store/search.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { past } from "../support/history.ts";
import { until } from "../support/until.ts";
import { Mill } from "../support/mill.ts";
import { type PlanNode, executed, explaining } from "../support/plans.ts";

const Order = z.object({
  tenant: z.string().optional(),
  order: z.object({ id: z.string() }).optional(),
  n: z.union([z.number(), z.boolean()]).optional(),
});

const ship = defineJob({
  name: "ship",
  input: Order,
  searchable: ["tenant", "order.id", "n"],
  run: () => null,
});
const plain = defineJob({ name: "ship", input: Order, run: () => null });
const bill = defineJob({ name: "bill", input: Order, run: () => null });

type Input = z.infer<typeof Order>;

function enqueue(mill: Mill, input: Input, job = "ship"): Promise<string> {
  return mill.intake.accept({ job, input, trigger: "api" }).then(({ id }) => id);
}

function register(mill: Mill, ...jobs: Parameters<typeof Mill.create>): Promise<void> {
  return new JobRegistry(jobs).register(mill.db);
}

/** Until runs are accepted of which the index is known to have all: ids know milliseconds, and those of before are looked through. */
async function untilIndexed(mill: Mill): Promise<void> {
  await until("the index is complete from now on", async () => {
    const [row] = await mill.rows<{ is: boolean }>(
      "select bool_and(since < clock_timestamp() - interval '1 millisecond') as is from millrace.job_field",
    );
    return row!.is;
  });
}

async function look(mill: Mill, query: string, more: { cursor?: string; limit?: number } = {}) {
  const { cursor, limit = 100 } = more;
  const asked = { query, cursor, projects: null, now: new Date() };
  const { rows, ...found } = await findRuns(mill.db, asked, limit);
  return { ids: rows.map(({ id }) => id), ...found };
}

/** The fields of each marked run, in words. */
async function marks(mill: Mill): Promise<Record<string, number>> {
  const rows = await mill.rows<{ run_id: string; n: number }>(
    "select run_id, count(*)::int as n from millrace.run_field group by run_id",
  );
  return Object.fromEntries(rows.map(({ run_id, n }) => [run_id, n]));
}

describe("the fields that a job declares as searchable", () => {
  test("are marked whichever way a run comes, and of no other job", async () => {
    const quick = defineJob({
      name: "quick",
      input: Order,
      searchable: ["tenant"],
      debounce: { wait: "1h" },
      run: () => null,
    });
    const mill = await Mill.create(ship, bill, quick);
    const input = { tenant: "acme", order: { id: "o-1" } };
    const [alike] = await mill.intake.acceptMany([{ job: "ship", input, trigger: "api" }]);
    const keyed = await mill.intake.accept({
      ...{ job: "ship", input, trigger: "api", idempotencyKey: "k" },
    });
    const later = await mill.intake.accept({ job: "ship", input, trigger: "api", delayMs: 1000 });
    const [sql] = await mill.rows<{ id: string }>(
      `select millrace.enqueue('ship', '{"tenant": "acme", "n": 5}') as id`,
    );
    const [mixed] = await mill.rows<{ ids: string[] }>(
      `select array_agg(run_id) as ids from millrace.enqueue_many('[{"job": "bill", "input": {"tenant": "acme"}}, {"job": "ship", "input": {"tenant": "acme"}}]')`,
    );
    const first = await enqueue(mill, { tenant: "acme" }, "quick");
    expect(await enqueue(mill, { tenant: "beta" }, "quick")).toBe(first);
    await enqueue(mill, { tenant: "acme" }, "bill");
    expect(await marks(mill)).toEqual({
      [(alike as { run: { id: string } }).run.id]: 2,
      [keyed.id]: 2,
      [later.id]: 2,
      [sql!.id]: 2,
      [mixed!.ids[1]!]: 1,
      // That of the input before, and that of the one that took its place.
      [first]: 2,
    });
    expect((await look(mill, "job:quick input.tenant:beta")).ids).toEqual([first]);
    expect((await look(mill, "job:quick input.tenant:acme")).ids).toEqual([]);
  });

  test("find what a look through all runs finds, for every query", async () => {
    const mill = await Mill.create(ship);
    const inputs: Input[] = [
      { tenant: "acme", order: { id: "o-1" }, n: 1 },
      { tenant: "acme", order: { id: "o-2" }, n: 2 },
      { tenant: "Acme", n: true },
      { tenant: "a=b", order: { id: "100%_\\" } },
      { tenant: "", n: 5.5 },
      { order: { id: "x".repeat(5000) } },
      {},
    ];
    for (const input of [...inputs, ...inputs]) await enqueue(mill, input);
    await seedDeadLetters(mill.db, 3, {
      ...{ job: "ship", queue: "default", input: '{"tenant":"acme","n":1}' },
    });
    await mill.rows("update millrace.job_field set since = now() - interval '1 day'");
    await mill.rows(`select millrace.mark_runs($1, $2)`, [
      "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]);
    const queries = [
      "input.tenant:acme",
      "input.tenant:acme status:dead",
      "input.tenant:acme -status:failed",
      "input.tenant:acme error:HttpError",
      "input.tenant:acme,Acme",
      "input.tenant:acme input.order.id:o-2",
      "input.tenant:acme -input.order.id:o-2",
      "-input.tenant:acme",
      "input.tenant:a*",
      "input.n:1,true,5.5",
      'input.tenant:"a=b"',
      'input.order.id:"100%_\\\\"',
      `input.order.id:${"x".repeat(900)}*`,
      "input.tenant:nobody",
      "input.tenant:acme status:queued",
      "input.tenant:acme status:failed",
      "input.tenant:acme job:sh*",
      "input.tenant:acme -job:ship",
      'input.tenant:acme "o-1"',
      "input.tenant:acme age:<1h",
      "input.tenant:acme age:>1h",
    ];
    const answers = async () => {
      const found: Record<string, unknown> = {};
      for (const query of queries) {
        const { ids, ended, next } = await look(mill, query);
        const asked = { query, projects: null, now: new Date() };
        const { count } = await countFound(mill.db, asked, 1000);
        const open = await pickAll(mill.db, { ...asked, only: "open" }, 1000);
        const mayBeDead = !query.includes("status:queued");
        const dead = mayBeDead ? await pickAll(mill.db, { ...asked, only: "dead" }, 1000) : [];
        found[query] = { ids, ended, next, count, open, dead };
      }
      return found;
    };
    const byIndex = await answers();
    expect((await look(mill, "input.tenant:acme")).index).toMatchObject({ used: true });
    // Nobody has declared any.
    await mill.rows("delete from millrace.job_field");
    expect((await look(mill, "input.tenant:acme")).index).toBe(null);
    expect(await answers()).toEqual(byIndex);
  });

  test("are looked for on the input as well: what shares a mark is not what was asked for", async () => {
    const mill = await Mill.create(ship);
    const acme = await enqueue(mill, { tenant: "acme" });
    const beta = await enqueue(mill, { tenant: "beta" });
    await mill.rows(
      "insert into millrace.run_field (mark, run_id) values (millrace.field_mark('tenant', 'acme'), $1)",
      [beta],
    );
    const { ids, looked } = await look(mill, "input.tenant:acme");
    expect({ ids, looked }).toEqual({ ids: [acme], looked: 2 });
  });

  test("find runs from before they were declared, too: those are looked through", async () => {
    const mill = await Mill.create(plain);
    const old = [await enqueue(mill, { tenant: "acme" }), await enqueue(mill, { tenant: "acme" })];
    await enqueue(mill, { tenant: "beta" });
    await register(mill, ship);
    await untilIndexed(mill);
    const young = [
      await enqueue(mill, { tenant: "acme" }),
      await enqueue(mill, { tenant: "acme" }),
    ];
    // The newest first, and by their ids in one millisecond.
    const all = [...old, ...young].sort().toReversed();
    const { ids, index, ended, looked } = await look(mill, "input.tenant:acme");
    expect({ ids, ended, looked }).toEqual({ ids: all, ended: true, looked: 5 });
    expect(index).toMatchObject({ path: "tenant", used: true, jobs: ["ship"] });
    expect(index!.reach! > old[1]! && index!.reach! < young[0]!).toBe(true);

    const paged: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await look(mill, "input.tenant:acme", {
        limit: 1,
        ...(cursor !== undefined && { cursor }),
      });
      paged.push(...page.ids);
      cursor = page.next;
    }
    expect(paged).toEqual(all);
    // What is taken back, and declared again, begins anew.
    await register(mill, plain);
    const between = await enqueue(mill, { tenant: "acme" });
    await register(mill, ship);
    expect((await look(mill, "input.tenant:acme")).ids).toEqual([between, ...all]);
  });

  test("are not relied on while a transaction is open that may not see them", async () => {
    const mill = await Mill.create(plain);
    const other = await mill.db.connect();
    await other.query("begin isolation level repeatable read");
    await other.query("select 1");
    await register(mill, ship);
    await proveFields(mill.db);
    expect((await look(mill, "input.tenant:acme")).index).toBe(null);
    const { rows } = await other.query<{ id: string }>(
      `select millrace.enqueue('ship', '{"tenant": "acme"}') as id`,
    );
    await other.query("commit");
    other.release();
    expect(await marks(mill)).toEqual({});
    await proveFields(mill.db);
    const marked = await enqueue(mill, { tenant: "acme" });
    const { ids, index } = await look(mill, "input.tenant:acme");
    expect(index).toMatchObject({ used: true });
    expect(ids.toSorted()).toEqual([marked, rows[0]!.id].toSorted());
  });

  test("are used where every job that is meant declares them, and else it is told which do", async () => {
    const mill = await Mill.create(ship, bill);
    const shipped = await enqueue(mill, { tenant: "acme" });
    const billed = await enqueue(mill, { tenant: "acme" }, "bill");
    const all = await look(mill, "input.tenant:acme");
    expect(all.ids.toSorted()).toEqual([billed, shipped].toSorted());
    expect(all.index).toEqual({ path: "tenant", used: false, reach: null, jobs: ["ship"] });
    for (const query of ["job:ship", "job:sh*", "-job:bill"]) {
      const one = await look(mill, `input.tenant:acme ${query}`);
      expect(one.ids).toEqual([shipped]);
      expect(one.index).toMatchObject({ used: true, jobs: ["ship"] });
    }
    // Of what no job declares there is nothing to tell.
    expect((await look(mill, "input.note:x")).index).toBe(null);
    expect((await look(mill, "input.tenant:a*")).index).toBe(null);
  });

  test("find one run among many by its mark alone", async () => {
    const mill = await Mill.create(ship);
    await mill.db.query("select millrace.ensure_partitions(current_date - 13, 15, 1)");
    const now = new Date();
    for (let daysAgo = 1; daysAgo < 14; daysAgo++) {
      await past(mill, { now, daysAgo, job: "ship", count: 2000 });
    }
    await mill.rows(
      `update millrace.run set input = jsonb_build_object('tenant', 't' || substr(id::text, 15, 4), 'order', jsonb_build_object('id', id))`,
    );
    await mill.rows("update millrace.job_field set since = now() - interval '20 days'");
    await mill.rows(
      "select millrace.mark_runs('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
    );
    await mill.db.query("analyze");
    const [{ id } = { id: "" }] = await mill.rows<{ id: string }>(
      "select id from millrace.run order by id offset 1000 limit 1",
    );
    const query = `input.order.id:${id}`;
    const found = await look(mill, query);
    expect(found).toMatchObject({ ids: [id], looked: 1, ended: true });

    const connection = await explaining(mill.db);
    const asked = lookOf({ query, projects: null, now });
    const { parts } = await planOf(connection, asked);
    const [part] = parts;
    await searchRuns.marked(
      ...([connection, part!.below, part!.least, 1000, 50, null] as const),
      JSON.stringify(part!.sought),
    );
    for (const title of [readFieldReach.title, searchRuns.marked.title]) {
      const plan = connection.plans.get(title)!;
      const seen = [...executed(plan)].filter(({ "Relation Name": name }) =>
        name?.startsWith("run_"),
      );
      const ofMarks = seen.filter(({ "Relation Name": name }) => name!.startsWith("run_field"));
      expect(ofMarks.length, title).toBeGreaterThan(0);
      expect(seen.filter(reads), title).toEqual([]);
    }
    // Of 26,000 runs, some blocks of each partition's index.
    expect(connection.blocks).toBeLessThan(600);
  });

  test("have partitions as the runs have", async () => {
    const mill = await Mill.create(ship);
    await keepPartitions(mill.db, { now: new Date(), retentionMs: 7 * 86_400_000 });
    const rows = await mill.rows<{ parent: string; n: number }>(
      "select parent, count(*)::int as n from millrace.partition where parent in ('run', 'run_field') and from_at is not null group by 1",
    );
    expect(rows.map(({ n }) => n)).toEqual([9, 9]);
  });
});

/** Whether it goes through a table, and looks for nothing in particular. */
function reads(node: PlanNode): boolean {
  return !("Index Cond" in node || "Recheck Cond" in node);
}
