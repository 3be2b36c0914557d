import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const DAY_MS = 86_400_000;

const KEPT = { runsMs: 30 * DAY_MS, logsMs: 7 * DAY_MS };

test("it tells what is kept how long, about how much that is, and when the oldest goes", async () => {
  const api = await startApi({ kept: KEPT });
  await api.db.query("select millrace.ensure_partitions(current_date - 1, 3, 1, 'run')");
  for (let n = 0; n < 5; n++) await api.call("/api/v1/runs", { json: { job: "nothing" } });
  await analyze(api);
  const { status, body } = await api.call("/api/v1/retention");
  expect(status).toBe(200);
  expect(body.runsKeptMs).toBe(30 * DAY_MS);
  const ruleOf = (what: string) => body.rules.find((rule: { what: string }) => rule.what === what);
  expect(ruleOf("runs")).toMatchObject({
    ...{ keptMs: 30 * DAY_MS, setBy: "MILLRACE_RETENTION", rows: 5 },
  });
  expect(ruleOf("logs of runs")).toMatchObject({ keptMs: 7 * DAY_MS });
  expect(ruleOf("audit log")).toMatchObject({ keptMs: "forever", setBy: null });
  expect(body.history.runs).toBe(5);
  expect(body.history.bytes).toBeGreaterThan(0);
  // Nobody knows a rate after some seconds.
  expect(body.history).toMatchObject({ perDay: null, forecast: [] });
  const { next } = body.history;
  expect(Date.parse(next.goesAt)).toBe(Date.parse(next.until) + 30 * DAY_MS);
});

test("history of days has a rate, and tells how much there will be", async () => {
  const api = await startApi({ kept: KEPT });
  await api.db.query("select millrace.ensure_partitions(current_date - 3, 2, 1, 'run')");
  await api.db.query(
    `insert into millrace.run (id, job, queue, priority, input, trigger)
     select millrace.uuid_floor(now() - interval '3 days' + n * interval '1 minute'), 'nothing', 'default', 0, 'null', 'api'
     from generate_series(1, 100) n`,
  );
  await analyze(api);
  const { history } = (await api.call("/api/v1/retention")).body;
  expect(history.runs).toBe(100);
  expect(history.perDay.runs).toBeGreaterThan(25);
  expect(history.perDay.runs).toBeLessThan(50);
  const [week, month, , year] = history.forecast;
  expect(month.runs).toBeGreaterThan(week.runs);
  // After its thirty days what is there stays as much as it is.
  expect(year.runs).toBeCloseTo(history.perDay.runs * 30, 0);
});

test("jobs that say for themselves are told, and to who is confined to a project only its own, and no figures", async () => {
  const api = await startApi({ kept: KEPT });
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  await api.db.query(
    `update millrace.job set retention_ms = case name when 'greet' then 3600000::float8 else 'Infinity' end,
       project = case name when 'greet' then 'crm' else project end where name in ('greet', 'nothing')`,
  );
  const whole = (await api.call("/api/v1/retention")).body;
  expect(whole.jobs).toEqual([
    { job: "greet", keptMs: 3_600_000 },
    { job: "nothing", keptMs: "forever" },
  ]);
  const json = { name: "crm viewer", role: "viewer", projects: ["crm"] };
  const { key } = (await api.call("/api/v1/keys", { json })).body;
  const { body } = await api.call("/api/v1/retention", { key });
  expect(body.jobs).toEqual([{ job: "greet", keptMs: 3_600_000 }]);
  expect(body.history).toBeNull();
  expect(body.rules[0]).toMatchObject({ what: "runs", rows: null, bytes: null });
});

/** Counts again, what this session has written and not yet told of included: that would be added afterwards. */
async function analyze({ db }: ApiUnderTest): Promise<void> {
  await db.query("select pg_stat_force_next_flush()");
  await db.query("analyze millrace.run");
}
