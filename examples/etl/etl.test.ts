import { randomBytes } from "node:crypto";
import { testKit } from "millrace/testing";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { etl } from "./job.ts";
import { readExport, salesOf } from "./sales.ts";
import { totalsOf } from "./totals.ts";
import { publish, stage } from "./warehouse.ts";

const SERVER = process.env.MILLRACE_TEST_PG_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";
// A name that the test run sweeps, should this process be killed.
const DATABASE = `millrace_test_${process.env.MILLRACE_TEST_RUNNER ?? process.pid}_${randomBytes(4).toString("hex")}`;

const TABLES_GONE = "drop table if exists etl_daily_sale, etl_staged_sale, etl_load";

let db: pg.Client;

beforeAll(async () => {
  await administer(`create database ${DATABASE}`);
  const url = new URL(SERVER);
  url.pathname = `/${DATABASE}`;
  process.env.ETL_DATABASE_URL = url.href;
  db = new pg.Client({ connectionString: url.href });
  await db.connect();
});

afterAll(async () => {
  await db.end();
  delete process.env.ETL_DATABASE_URL;
  await administer(`drop database ${DATABASE} with (force)`);
});

beforeEach(async () => {
  await db.query(TABLES_GONE);
});

async function administer(statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: SERVER });
  await admin.connect();
  await admin.query(statement);
  await admin.end();
}

async function kit() {
  const t = await testKit({ etl }, { databaseUrl: SERVER });
  onTestFinished(() => t[Symbol.asyncDispose]());
  return t;
}

async function published(): Promise<unknown[]> {
  const { rows } = await db.query<Record<string, unknown>>(
    "select day::text, shop, sku, units, cents::int from etl_daily_sale order by 1, 2, 3",
  );
  return rows;
}

async function staged(): Promise<number | null> {
  return (await db.query("select from etl_staged_sale")).rowCount;
}

/** The same by another way than that of the flow. */
async function expected(day: string): Promise<unknown[]> {
  const { sales } = salesOf(await readExport(), day);
  const rates: Record<string, number> = { EUR: 1, GBP: 1.1412, CHF: 1.0734 };
  const keys = [...new Set(sales.map(({ shop, sku }) => `${shop} ${sku}`))].sort();
  return keys.map((key) => {
    const of = sales.filter(({ shop, sku }) => `${shop} ${sku}` === key);
    const [shop, sku] = key.split(" ");
    const units = of.reduce((sum, { quantity }) => sum + quantity, 0);
    const cents = Math.round(
      of.reduce((sum, { amount, currency }) => sum + amount * rates[currency]!, 0),
    );
    return { day, shop, sku, units, cents };
  });
}

test("the newest day of the export is in the warehouse, by shop and article, in euros", async () => {
  const t = await kit();
  const run = await t.run(etl, {});
  expect(run).toMatchObject({
    state: "completed",
    output: { day: "2026-11-23", shops: ["lisbon", "london", "porto", "zurich"] },
  });
  const rows = await published();
  expect(rows).toEqual(await expected("2026-11-23"));
  expect(run.output!.rows).toBe(rows.length);
  expect(await staged()).toBe(0);
});

test("another run of the same day changes nothing, and takes away what has no business there", async () => {
  const t = await kit();
  await t.run(etl, { day: "2026-11-22" });
  await db.query(
    "insert into etl_daily_sale values ('2026-11-22', 'nowhere', 'X', 1, 1), ('2026-11-20', 'porto', 'X', 1, 1)",
  );
  await t.run(etl, { day: "2026-11-22" });
  expect(await published()).toEqual([
    { day: "2026-11-20", shop: "porto", sku: "X", units: 1, cents: 1 },
    ...(await expected("2026-11-22")),
  ]);
});

test("whatever crashes, the day is loaded once, and nothing is left behind", async () => {
  const t = await kit();
  const crashes = await t.crashAtEveryStep(
    etl,
    {},
    {
      reset: () => db.query(TABLES_GONE),
      effects: async () => [await published(), await staged()],
    },
  );
  // Before, at and after each write; what nodes beside each other write may go together.
  expect(crashes).toBeGreaterThan(20);
}, 120_000);

test("what a worker that was taken for dead stages when the load is over is not left behind", async () => {
  const run = "01977f3e-0000-7000-8000-000000000001";
  const totals = [{ sku: "X", units: 1, cents: 100 }];
  await stage(run, "2026-11-22", "porto", totals);
  expect(await publish(run, "2026-11-22")).toEqual({ rows: 1, euros: 1 });
  await stage(run, "2026-11-22", "porto", totals);
  expect(await staged()).toBe(0);
  expect(await publish(run, "2026-11-22")).toEqual({ rows: 1, euros: 1 });
  expect(await published()).toEqual([{ day: "2026-11-22", shop: "porto", ...totals[0]! }]);
});

test("a load that fails for good takes back what it has staged, and publishes nothing", async () => {
  const t = await kit();
  t.failStep("publish", 4, new Error("the warehouse is full"));
  const run = await t.run(etl, {});
  await t.advance("1h");
  expect(await t.find(run.id)).toMatchObject({
    state: "failed",
    error: { message: "node publish failed: Error: the warehouse is full" },
  });
  expect(await published()).toEqual([]);
  expect(await staged()).toBe(0);
});

test("a day that the export does not have fails at once", async () => {
  const t = await kit();
  expect((await t.run(etl, { day: "2020-01-01" })).error?.message).toBe(
    "node extract failed: NonRetryableError: the export has no sale of 2020-01-01",
  );
});

test("lines that are no sales are counted, and an export that is none is refused", () => {
  const head = "sold_at,shop,sku,quantity,price,currency";
  const csv = `${head}\n2026-01-01T10:00:00Z,a,X,2,1.50,EUR\n2026-01-01T10:00:00Z,a,X,-1,1.50,EUR\n2026-01-01T11:00:00Z,a,,1,1.50,EUR\n2026-01-01T11:00:00Z,a,X,1,n/a,EUR`;
  const day = salesOf(csv, "latest");
  expect(day).toMatchObject({ day: "2026-01-01", rejected: 2 });
  expect(totalsOf(day.sales, { EUR: 1 })).toEqual([{ sku: "X", units: 1, cents: 150 }]);
  expect(() =>
    totalsOf(
      day.sales.map((sale) => ({ ...sale, currency: "constructor" })),
      { EUR: 1 },
    ),
  ).toThrow("there is no rate for constructor");
  expect(salesOf(`${csv}\nyesterday?,a,X,2,1.50,EUR`, "latest").day).toBe("2026-01-01");
  expect(() => salesOf(`${head}\n2026-01-02T10:00:00Z,a,X,0,1.50,EUR`, "latest")).toThrow(
    "the export has no sale of latest",
  );
  expect(() => totalsOf(day.sales, {})).toThrow("there is no rate for EUR");
  expect(() => salesOf("a,b\n1,2", "latest")).toThrow("the export lacks sold_at, shop");
  expect(() => salesOf(`${head}\n1,2`, "latest")).toThrow("the export is no CSV");
});
