import { NonRetryableError, defineJob } from "@millrace/sdk";
import { AllowedHosts, HttpClient, OutboundGuard } from "@millrace/sdk/http";
import { Scheduler, createLogger, setSecret } from "millrace";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { evaluateAlerts } from "../../packages/server/src/engine/alerts/evaluate.ts";
import { removeAlertRule } from "../../packages/server/src/engine/alerts/rules.ts";
import { createApiKey, revokeKey } from "../../packages/server/src/engine/api-keys.ts";
import { AlertEvaluator } from "../../packages/server/src/maintenance/alert-evaluator.ts";
import { onFailpoint } from "../../packages/server/src/runtime/failpoints.ts";
import {
  countAttempts,
  countCalls,
  countDead,
  countOccurrences,
  readWaiting,
} from "../../packages/server/src/store/alert-facts.ts";
import { openAlerts } from "../../packages/server/src/store/alerts.ts";
import { noteClaims } from "../../packages/server/src/store/workers.ts";
import { Counts } from "../../packages/server/src/worker/counts.ts";
import { Alerting } from "../support/alerting.ts";
import { explaining } from "../support/plans.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { ADMIN } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const works = defineJob({ name: "works", run: () => "done" });
const breaks = defineJob({
  name: "breaks",
  run: () => {
    throw new NonRetryableError("the shop is closed");
  },
});
const calls = defineJob({
  name: "calls",
  input: z.object({ url: z.string() }),
  run: async ({ url }, ctx) => {
    const answer = await ctx.fetch(url, { retry: false });
    return answer.status;
  },
});

describe("each kind fires on what it is about, and is resolved when that is over", () => {
  test("backlog-growing: more waits than a window before", async () => {
    const a = await Alerting.create(works);
    await a.rule("backlog-growing");
    await a.rounds(0, 9);
    const runs = Array.from({ length: 101 }, () => ({
      job: "works",
      input: {},
      trigger: "api" as const,
    }));
    await a.mill.intake.acceptMany(runs);
    await a.round(10);
    expect(await a.open()).toEqual(["backlog-growing default pending"]);
    await a.rounds(11, 14);
    expect(await a.open()).toEqual(["backlog-growing default pending"]);
    await a.round(15);
    expect(await a.open()).toEqual(["backlog-growing default firing"]);
    expect((await a.alerts())[0]).toMatchObject({
      value: 101,
      threshold: 100,
      detail: "before there were 0",
    });
    // It stands still: that is no growing.
    await a.rounds(16, 26);
    expect(await a.open()).toEqual([]);
    expect((await a.alerts())[0]).toMatchObject({ state: "resolved", resolved_at: a.at(25) });
  });

  test("oldest-wait and queue-without-workers: nobody takes a run", async () => {
    const a = await Alerting.create(works);
    await a.rule("oldest-wait");
    await a.rule("queue-without-workers");
    await a.mill.enqueue("works");
    await a.round(1);
    expect(await a.open()).toEqual(["queue-without-workers default pending"]);
    await a.rounds(2, 6);
    expect(await a.open()).toEqual([
      "oldest-wait default pending",
      "queue-without-workers default firing",
    ]);
    await a.rounds(7, 11);
    expect(await a.open()).toContain("oldest-wait default firing");
    await a.mill.startWorker();
    await until(
      "it is taken",
      async () => (await a.mill.rows("select from millrace.ready")).length === 0,
    );
    await a.rounds(12, 16);
    expect(await a.open(), "held for as long as it had to be so").toHaveLength(2);
    await a.round(17);
    expect(await a.open()).toEqual([]);
  });

  test("failure-rate, overall-failure-rate and dead-letters: attempts fail for good", async () => {
    const a = await Alerting.create(works, breaks);
    await a.rule("failure-rate");
    await a.rule("overall-failure-rate");
    await a.rule("dead-letters");
    const worker = await a.mill.startWorker();
    const ids = [];
    for (let n = 0; n < 6; n++) ids.push(await a.mill.enqueue("breaks"));
    ids.push(await a.mill.enqueue("works"));
    for (const id of ids)
      await until("it ended", async () => /failed|completed/.test(await a.mill.state(id)));
    await worker.stop();
    await a.round(1);
    expect(await a.open()).toEqual([
      "dead-letters breaks firing",
      "failure-rate breaks pending",
      "overall-failure-rate  pending",
    ]);
    await a.rounds(2, 6);
    expect(await a.open()).toEqual([
      "dead-letters breaks firing",
      "failure-rate breaks firing",
      "overall-failure-rate  firing",
    ]);
    const [dead, rate, overall] = (await a.alerts()).toSorted((x, y) =>
      x.rule.localeCompare(y.rule),
    );
    expect(rate).toMatchObject({ value: 1, detail: "6 of 6", project: "default" });
    expect(overall).toMatchObject({ value: 6 / 7, detail: "6 of 7", project: null });
    expect(dead).toMatchObject({ value: 6, project: "default" });
    await a.round(12);
    expect(await a.open()).not.toContain("dead-letters breaks firing");
    await a.round(17);
    expect(await a.open()).toEqual([]);
  });

  test("downstream-failures: calls of handlers are answered 500", async () => {
    const a = await Alerting.create(calls);
    const there = await receivingServer((response) => response.writeHead(500).end());
    await a.rule("downstream-failures");
    const counts = new Counts(a.mill.db, a.mill.logger);
    const guard = new OutboundGuard(new AllowedHosts([there.host]));
    const http = new HttpClient({ guard, onTry: counts.called });
    const worker = await a.mill.startWorker({ http, counts });
    const ids = [];
    for (let n = 0; n < 6; n++) ids.push(await a.mill.enqueue("calls", { url: there.url }));
    for (const id of ids)
      await until(
        "it failed or retries",
        async () =>
          (await a.mill.run(id)).failures > 0 || /failed|completed/.test(await a.mill.state(id)),
      );
    await worker.stop();
    await a.rounds(1, 6);
    expect(await a.open()).toEqual([`downstream-failures ${there.host} firing`]);
    await a.rounds(12, 17);
    expect(await a.open()).toEqual([]);
  });

  test("downstream-latency: one call in twenty takes too long", async () => {
    const a = await Alerting.create(works);
    await a.rule("downstream-latency");
    const worker = await a.mill.workerRow();
    const counts = new Counts(a.mill.db, a.mill.logger);
    const call = (ms: number) => counts.called({ host: "slow.example.com", outcome: "2xx", ms });
    for (let n = 0; n < 18; n++) call(50);
    for (let n = 0; n < 2; n++) call(7000);
    await counts.tell(worker, true);
    await a.rounds(1, 6);
    expect(await a.open()).toEqual(["downstream-latency slow.example.com firing"]);
    expect((await a.alerts())[0]!.value).toBeGreaterThan(5);
    await a.rounds(12, 17);
    expect(await a.open()).toEqual([]);
  });

  test("schedule-overdue and schedule-missed: no scheduler runs, and then one does", async () => {
    const a = await Alerting.create(works);
    await a.rule("schedule-overdue");
    await a.rule("schedule-missed");
    await a.mill.db.query(
      "select millrace.create_schedule('minutely', 'works', every => '1 minute')",
    );
    const scheduler = new Scheduler({ db: a.mill.db, bell: { ring() {} }, logger: a.mill.logger });
    onTestFinished(() => scheduler.stop());
    await scheduler.start();
    await until(
      "it is planned",
      async () =>
        (await a.mill.rows("select from millrace.schedule where next_nominal is not null")).length >
        0,
    );
    await scheduler.stop();
    await a.rounds(1, 4);
    expect(await a.open()).toEqual(["schedule-overdue minutely firing"]);

    await a.mill.db.query(
      `update millrace.schedule set next_nominal = next_nominal - interval '10 minutes', next_at = next_at - interval '10 minutes'`,
    );
    await scheduler.start();
    await until(
      "it has caught up",
      async () =>
        (await a.mill.rows("select from millrace.alert_signal where kind = 'missed'")).length > 0,
    );
    await scheduler.stop();
    await a.mill.db.query("update millrace.schedule set next_at = next_at + interval '1 day'");
    await a.round(5);
    expect(await a.open()).toEqual([
      "schedule-missed minutely firing",
      "schedule-overdue minutely firing",
    ]);
    await a.round(6);
    expect(await a.open()).toEqual(["schedule-missed minutely firing"]);
    await a.round(17);
    expect(await a.open()).toEqual([]);
  });

  test("schedule-late: a scheduled run does not start within its grace", async () => {
    const a = await Alerting.create(works);
    await a.rule("schedule-late");
    await a.mill.db.query(
      "select millrace.create_schedule('now', 'works', at => clock_timestamp() + interval '100 milliseconds', grace => '1 second')",
    );
    const scheduler = new Scheduler({ db: a.mill.db, bell: { ring() {} }, logger: a.mill.logger });
    onTestFinished(() => scheduler.stop());
    await scheduler.start();
    await until(
      "it is late",
      async () =>
        (await a.mill.rows("select from millrace.alert_signal where kind = 'late'")).length > 0,
    );
    await a.round(1);
    expect(await a.open()).toEqual(["schedule-late now firing"]);
    await a.round(17);
    expect(await a.open()).toEqual([]);
  });

  test("schedule-late: a schedule that was removed is over, and is not told of as the installation's", async () => {
    const a = await Alerting.create(works);
    await a.rule("schedule-late");
    await a.mill.db.query(
      "select millrace.create_schedule('gone', 'works', at => clock_timestamp() + interval '1 day')",
    );
    await a.mill.db.query(
      "insert into millrace.alert_signal (kind, at, name) values ('late', $1, 'gone')",
      [a.at(0)],
    );
    await a.round(1);
    expect(await a.open()).toEqual(["schedule-late gone firing"]);
    await a.mill.db.query("delete from millrace.schedule where name = 'gone'");
    await a.round(2);
    expect(await a.open()).toEqual([]);
    expect(await a.alerts()).toHaveLength(1);
  });

  test("worker-lost: a worker's heart stops", async () => {
    const a = await Alerting.create(works);
    await a.rule("worker-lost");
    await a.mill.workerRow(200);
    await a.mill.startReaper();
    await until(
      "it is lost",
      async () =>
        (await a.mill.rows("select from millrace.worker where state = 'lost'")).length > 0,
    );
    await a.round(1);
    expect(await a.open()).toEqual(["worker-lost default firing"]);
    expect((await a.alerts())[0]).toMatchObject({ value: 1, detail: "row" });
    await a.round(12);
    expect(await a.open()).toEqual([]);
  });

  test("old-snapshot, connections-short, wraparound and claims-slow: the database is not well", async () => {
    const a = await Alerting.create(works);
    const now = { threshold: 0, forMs: 0 };
    await a.rule("old-snapshot", now);
    await a.rule("connections-short", now);
    await a.rule("wraparound", now);
    await a.rule("claims-slow", { ...now, threshold: 0.25 });
    const held = await a.mill.connection();
    await held.query("begin isolation level repeatable read");
    await held.query("select 1");
    const worker = await a.mill.workerRow();
    await noteClaims(a.mill.db, worker, 10, 200, 300);
    await a.round(1);
    expect(await a.open()).toEqual([
      "claims-slow  firing",
      "connections-short  firing",
      "old-snapshot  firing",
      "wraparound  firing",
    ]);
    await held.query("commit");
    await noteClaims(a.mill.db, worker, 10, 2, 3);
    await a.rule("connections-short", { threshold: 0.999 });
    await a.rule("wraparound", { threshold: 1e9 });
    await a.rule("old-snapshot", { threshold: 600 });
    await a.round(2);
    expect(await a.open()).toEqual([]);
  });

  test("key-expiry and secret-expiry: what others have given ends soon", async () => {
    const a = await Alerting.create(works);
    await a.rule("key-expiry");
    await a.rule("secret-expiry");
    const keys = secretKeys();
    const DAY_MS = 86_400_000;
    const given = { name: "ci", role: "worker", lifetimeMs: 6 * DAY_MS } as const;
    const { row } = await createApiKey(a.mill.db, ADMIN, given);
    await createApiKey(a.mill.db, ADMIN, { ...given, name: "later", lifetimeMs: 90 * DAY_MS });
    const secret = {
      name: "CRM_TOKEN",
      given: { value: "a-token-of-the-crm" },
      jobs: "all",
    } as const;
    await setSecret(a.mill.db, ADMIN, keys, { ...secret, expiresAt: a.at(60) });
    await a.round(1);
    expect(await a.open()).toEqual([
      `key-expiry ci (${row.id}) firing`,
      "secret-expiry CRM_TOKEN firing",
    ]);
    await revokeKey(a.mill.db, ADMIN, row.id);
    await setSecret(a.mill.db, ADMIN, keys, secret);
    await a.round(2);
    expect(await a.open()).toEqual([]);
  });
});

test("what is so for less than its rule says leaves nothing, and what comes back is not resolved between", async () => {
  const a = await Alerting.create(works);
  await a.rule("queue-without-workers");
  await a.mill.enqueue("works");
  await a.rounds(1, 2);
  await a.mill.db.query("update millrace.queue set paused_at = now()");
  await a.round(3);
  expect(await a.alerts(), "it was pending").toEqual([]);

  await a.mill.db.query("update millrace.queue set paused_at = null");
  await a.rounds(4, 9);
  expect(await a.open()).toEqual(["queue-without-workers default firing"]);
  for (let minute = 10; minute < 30; minute++) {
    await a.mill.db.query(
      "update millrace.queue set paused_at = case when paused_at is null then now() end",
    );
    await a.round(minute);
  }
  expect(await a.alerts(), "one alert, however often it flaps").toMatchObject([
    { state: "firing" },
  ]);
});

test("a rule that is narrowed, switched off or removed takes its alerts along, and one from the beginning is reset", async () => {
  const a = await Alerting.create(works, breaks);
  await a.dies("works");
  await a.dies("breaks");
  await a.rule("dead-letters");
  await a.round(1);
  expect(await a.open()).toHaveLength(2);
  await a.rule("dead-letters", { subject: "works" });
  await a.round(2);
  expect(await a.open()).toEqual(["dead-letters works firing"]);
  await a.rule("dead-letters", { enabled: false });
  await a.round(3);
  expect(await a.open()).toEqual([]);

  await a.rule("of-mine", { kind: "dead-letters", subject: "breaks", severity: "critical" });
  await a.round(4);
  expect(await a.open()).toEqual(["of-mine breaks firing"]);
  await removeAlertRule(a.mill.db, ADMIN, "of-mine");
  const reset = await removeAlertRule(a.mill.db, ADMIN, "dead-letters");
  expect(reset).toMatchObject({ enabled: true, subject: null, changed: false });
  await a.round(5);
  expect(await a.open()).toEqual(["dead-letters breaks firing", "dead-letters works firing"]);
});

test("of two that decide at once, one does; and who dies before the end has done nothing", async () => {
  const a = await Alerting.create(works);
  await a.rule("dead-letters");
  await a.dies("works");
  const options = { everyMs: 15_000, now: a.at(1) };
  onTestFinished(() => onFailpoint(undefined));
  onFailpoint((point) => {
    if (point === "alerts.before_commit") throw new Error("killed");
  });
  await expect(evaluateAlerts(a.mill.db, options)).rejects.toThrow("killed");
  onFailpoint(undefined);
  expect(await a.alerts()).toEqual([]);

  const both = await Promise.all([
    evaluateAlerts(a.mill.db, options),
    evaluateAlerts(a.mill.db, options),
  ]);
  expect(both.filter(Boolean)).toHaveLength(1);
  expect(await a.alerts()).toHaveLength(1);
  expect(await evaluateAlerts(a.mill.db, options), "no round is due").toBe(undefined);
});

test("a rule that cannot be looked at keeps its alerts, and the others go on", async () => {
  const a = await Alerting.create(works);
  await a.rule("dead-letters");
  await a.rule("schedule-late");
  await a.dies("works");
  await a.mill.db.query(
    "select millrace.create_schedule('report', 'works', at => clock_timestamp() + interval '1 day')",
  );
  await a.mill.db.query("insert into millrace.alert_signal (kind, name) values ('late', 'report')");
  await a.round(1);
  expect(await a.open()).toHaveLength(2);
  await a.mill.db.query("alter table millrace.job rename to job_elsewhere");
  onTestFinished(() =>
    a.mill.db.query("alter table if exists millrace.job_elsewhere rename to job").then(() => {}),
  );
  const round = await evaluateAlerts(a.mill.db, { everyMs: 0, now: a.at(60) });
  expect(round?.failed.map(({ rule }) => rule).toSorted()).toEqual([
    "dead-letters",
    "schedule-late",
  ]);
  await a.mill.db.query("alter table millrace.job_elsewhere rename to job");
  expect(await a.open()).toHaveLength(2);
  await a.round(61);
  expect(await a.open()).toEqual([]);
});

test("of two processes one decides, another when that is gone, and each turn is one line of the log", async () => {
  const a = await Alerting.create(works);
  await a.rule("dead-letters");
  const lines: Record<string, string>[] = [];
  const logger = createLogger("info", {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, string>),
  });
  const evaluators = [1, 2].map(() => new AlertEvaluator({ db: a.mill.db, logger }));
  for (const evaluator of evaluators) {
    onTestFinished(() => evaluator.stop());
    await evaluator.start();
  }
  const decided = () =>
    a.mill
      .rows<{ at: Date | null }>("select decided_at as at from millrace.alert_round")
      .then(([row]) => row?.at);
  await until("one has decided", decided);
  const hurry = async () => {
    await a.mill.db.query("update millrace.alert_round set next_at = '-infinity'");
    for (const evaluator of evaluators) evaluator.wake();
  };
  await a.dies("works");
  await hurry();
  await until("it fires", async () => (await a.open()).length === 1);
  await evaluators[0]!.stop();
  await a.mill.db.query("delete from millrace.end_minute");
  await hurry();
  await until("it is over", async () => (await a.open()).length === 0);
  expect(lines.map(({ event, rule, subject }) => `${event} ${rule} ${subject}`)).toEqual([
    "alert.firing dead-letters works",
    "alert.resolved dead-letters works",
  ]);
});

test("a round reads as much with a long past as without one", async () => {
  const a = await Alerting.create(works);
  const cost = async () => {
    await a.mill.db.query(
      "vacuum analyze millrace.end_minute, millrace.call_minute, millrace.alert_signal, millrace.standing_minute, millrace.queue_sample, millrace.alert",
    );
    const explained = await explaining(a.mill.db);
    const now = a.at(1);
    await countAttempts(explained, now, 600_000);
    await countCalls(explained, now, 600_000);
    await countDead(explained, now, 600_000);
    await countOccurrences(explained, now, 900_000, "missed");
    await readWaiting(explained, now, 600_000, 500);
    await openAlerts(explained);
    return explained.blocks;
  };
  const before = await cost();
  await a.mill.db.query(
    `insert into millrace.end_minute (at, job, outcome, ends)
     select now() - interval '1 hour' - n * interval '1 minute', 'job-' || n % 100, 'completed', 1 from generate_series(1, 20000) n`,
  );
  await a.mill.db.query(
    `insert into millrace.call_minute (at, project, host, calls, failed, within)
     select now() - interval '1 hour' - n * interval '1 minute', 'default', 'host-' || n % 100, 1, 0, '{0,0,0,0,0,0,0,0,0}' from generate_series(1, 20000) n`,
  );
  await a.mill.db.query(
    `insert into millrace.alert_signal (kind, at, name) select 'missed', now() - interval '1 hour' - n * interval '1 second', 'works' from generate_series(1, 20000) n`,
  );
  await a.mill.db.query(
    `insert into millrace.standing_minute (at, job, queue, waiting, running, oldest_seconds)
     select now() - interval '1 hour' - n * interval '1 minute', 'works', 'default', 1, 0, 0 from generate_series(1, 20000) n`,
  );
  await a.mill.db.query(
    `insert into millrace.queue_sample (minute, starts) select now() - interval '1 hour' - n * interval '1 minute', '{}' from generate_series(1, 20000) n`,
  );
  await a.mill.db.query(
    `insert into millrace.alert (id, rule, kind, subject, state, severity, value, threshold, since)
     select millrace.new_uuid(), 'r', 'dead-letters', 'works', 'resolved', 'warning', 1, 0, now() from generate_series(1, 20000) n`,
  );
  expect(await cost()).toBeLessThan(before + 40);
});

test("a clock that was ahead for a day, and was put back, silences no rule and nobody until then", async () => {
  const a = await Alerting.create(works);
  await a.rule("queue-without-workers");
  await a.mill.enqueue("works");
  await a.mill.db.query(
    `insert into millrace.alert_target (name, kind, config, version, least_severity, enabled, created_by, changed_by)
     values ('team', 'email', '{"server":"smtp://mail.invalid","from":"a@example.com","to":["b@example.com"]}', 1, 'info', true, 'test', 'test')`,
  );
  const told = async () => {
    const [row] = await a.mill.rows<{ n: number }>(
      "select count(*)::int as n from millrace.alert_notification",
    );
    return row!.n;
  };
  const day = 24 * 60;
  await a.rounds(day, day + 6);
  expect(await told()).toBe(1);
  await a.round(0);
  expect(await a.open()).toEqual(["queue-without-workers default firing"]);
  expect(await told(), "that it fires still, for nobody knows how long ago they were told").toBe(2);
  // It ends, and there is another, which began while the clock was wrong.
  await a.mill.db.query("update millrace.queue set paused_at = now()");
  await a.rounds(1, 8);
  expect(await a.open()).toEqual([]);
  expect(await told(), "that it is over").toBe(3);

  await a.mill.db.query("update millrace.queue set paused_at = null");
  await a.round(2 * day);
  expect(await a.open()).toEqual(["queue-without-workers default pending"]);
  await a.rounds(20, 30);
  expect(await a.open()).toEqual(["queue-without-workers default firing"]);
  expect(await told()).toBe(4);
});
