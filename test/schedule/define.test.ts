import { type ScheduleOptions, defineJob, defineSchedule } from "@millrace/sdk";
import {
  JobRegistry,
  createSchedule,
  editSchedule,
  removeSchedule,
  requireSchedule,
  resetSchedule,
} from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { Timepiece } from "./timepiece.ts";
import { by } from "../support/caller.ts";

const START = "2027-01-01T00:30:00Z";

function report(...schedules: ScheduleOptions<{ month?: string }>[]) {
  return defineJob({
    name: "report",
    input: z.object({ month: z.string().default("now") }),
    schedules,
    run: () => null,
  });
}

async function names(time: Timepiece): Promise<string[]> {
  const { rows } = await time.db.query<{ name: string }>(
    "select name from millrace.schedule order by name",
  );
  return rows.map(({ name }) => name);
}

test("schedules in code are made, changed and removed with it, and an unchanged one is not touched", async () => {
  const hourly = { cron: "0 * * * *" };
  const time = await Timepiece.at(START, report(hourly, { name: "yearly", cron: "@yearly" }));
  expect(await names(time)).toEqual(["report", "yearly"]);
  const before = await requireSchedule(time.db, "report");
  expect(before.next_at?.toISOString()).toBe("2027-01-01T01:00:00.000Z");

  await time.advance("3 hours");
  await time.deploy(report(hourly, { name: "yearly", cron: "0 9 1 1 *" }));
  const after = await requireSchedule(time.db, "report");
  expect([after.next_at, after.changed_at]).toEqual([before.next_at, before.changed_at]);
  expect((await requireSchedule(time.db, "yearly")).rule.cron).toBe("0 9 1 1 *");

  // What was due while no server ran is still decided.
  await time.fire();
  expect(await time.counts("report")).toEqual({ merged: 2, "caught up": 1 });

  await time.deploy(report(hourly));
  expect(await names(time)).toEqual(["report"]);
});

test("servers that start at the same time make one of each", async () => {
  const job = report({ cron: "0 * * * *" }, { name: "b", every: "1h" }, { name: "a", every: "2h" });
  const time = await Timepiece.at(START);
  await Promise.all([1, 2, 3, 4].map(() => time.deploy(job)));
  expect(await names(time)).toEqual(["a", "b", "report"]);
});

test("what an operator has changed is kept over deploys until it is reset; the code's new wish is noted", async () => {
  const time = await Timepiece.at(START, report({ cron: "0 * * * *" }));
  await editSchedule(time.db, by("ana"), "report", (row) => ({
    ...row,
    rule: { cron: "30 2 * * *", timeZone: "UTC" },
  }));
  await time.deploy(report({ cron: "15 * * * *" }));
  expect(await requireSchedule(time.db, "report")).toMatchObject({
    rule: { cron: "30 2 * * *" },
    defined: { rule: { cron: "15 * * * *" } },
    changed_by: "ana",
  });
  await resetSchedule(time.db, by("test"), "report");
  expect(await requireSchedule(time.db, "report")).toMatchObject({
    rule: { cron: "15 * * * *" },
    changed_by: null,
  });
  await editSchedule(time.db, by("ana"), "report", (row) => ({ ...row, input: `{"month":"x"}` }));
  await time.deploy(report());
  expect(await requireSchedule(time.db, "report")).toMatchObject({
    input: `{"month": "x"}`,
    defined: null,
  });
});

test("a change of rule begins now, and what the old rule had due is skipped on record", async () => {
  const time = await Timepiece.at(START, report({ cron: "0 * * * *" }));
  await time.advance("1 hour");
  await time.deploy(report({ cron: "45 * * * *" }));
  expect(await time.ledger("report")).toMatchObject([
    {
      nominal: "2027-01-01T01:00:00Z",
      outcome: "skipped",
      reason: "the rule was changed before it was fired",
    },
  ]);
  const { next_at } = await requireSchedule(time.db, "report");
  expect(next_at?.toISOString()).toBe("2027-01-01T01:45:00.000Z");
});

test("a schedule that is made anew under its name fires no instant again", async () => {
  const time = await Timepiece.at(START, report());
  const job = report();
  const options = { name: "s", cron: "0 * * * *", overlap: "allow" } as const;
  await time.create(job, options);
  await time.advance("40 minutes");
  await time.fire();
  await removeSchedule(time.db, by("test"), "s");
  await time.set(START);
  await time.create(job, options);
  await time.advance("100 minutes");
  await time.fire();
  expect((await time.ledger("s")).map(({ nominal }) => nominal)).toEqual([
    "2027-01-01T01:00:00Z",
    "2027-01-01T02:00:00Z",
  ]);
  expect(await time.runs("s")).toHaveLength(2);
});

test("an input that the job refuses is seen when the code is loaded", async () => {
  const time = await Timepiece.at(START);
  await expect(
    time.deploy(report({ name: "bad", cron: "@daily", input: { month: 3 as never } })),
  ).rejects.toMatchObject({
    code: "invalid_schedule",
    message: expect.stringContaining("schedule bad: input of report: /month"),
  });
  const job = report();
  const other = defineSchedule(job, { name: "x", cron: "@daily" });
  expect(
    () =>
      new JobRegistry([job], [], new Map(), [
        other,
        defineSchedule(job, { name: "x", every: "1h" }),
      ]),
  ).toThrow("two schedules are named x");
  expect(() => report({ cron: "@daily", tz: "UTC" } as object)).toThrow(
    "schedule report: tz is not an option",
  );
  expect(() => report({ cron: "@daily" }, { every: "1h" })).toThrow(
    "two schedules are named report",
  );
});

test("by SQL: a schedule is planned by the next scheduler, and one that cannot be read says why and stands still", async () => {
  const time = await Timepiece.at(START, report());
  await time.db.query(
    `select millrace.create_schedule('good', 'report', cron => '0 * * * *', time_zone => 'Europe/Lisbon', input => '{"month":"y"}')`,
  );
  await time.db.query(`select millrace.create_schedule('bad', 'report', cron => '61 * * * *')`);
  await time.db.query(`select millrace.create_schedule('often', 'report', every => '15 minutes')`);
  await time.fire();
  const next = async (name: string) =>
    (await requireSchedule(time.db, name)).next_at?.toISOString() ?? null;
  expect(await next("good")).toBe("2027-01-01T01:00:00.000Z");
  expect(await next("often")).toBe("2027-01-01T00:45:00.000Z");
  expect(await next("bad")).toBeNull();
  expect((await requireSchedule(time.db, "bad")).problem).toContain("is no cron expression");
  await time.advance("1 hour");
  await time.fire();
  expect((await time.runs("good"))[0]).toMatchObject({ input: { month: "y" } });
  const asked = await time.db.query(
    `select millrace.pause_schedule('good') as paused, millrace.resume_schedule('none') as resumed, millrace.remove_schedule('bad') as removed`,
  );
  expect(asked.rows).toEqual([{ paused: true, resumed: false, removed: true }]);
  await expect(
    time.db.query(
      `select millrace.create_schedule('two', 'report', cron => '@daily', every => '1 hour')`,
    ),
  ).rejects.toThrow("exactly one of");
  await expect(
    time.db.query(
      `select millrace.create_schedule('x', 'report', cron => '@daily', overlap => 'never')`,
    ),
  ).rejects.toThrow("schedule_policy");
  for (const input of [`repeat('x', 300000)`, `'1e400'::jsonb`]) {
    await expect(
      time.db.query(
        `select millrace.create_schedule('x', 'report', cron => '@daily', input => to_jsonb(${input}))`,
      ),
    ).rejects.toMatchObject({ code: "ML022" });
  }
});

test("a run that is refused is on record, and does not hold up other schedules", async () => {
  const time = await Timepiece.at(START, report());
  const job = report();
  await time.create(job, { name: "good", cron: "0 * * * *" });
  await time.create(job, { name: "bad", cron: "0 * * * *" });
  await time.db.query(`
    create function fake.refuse() returns trigger language plpgsql as $$
    begin
      if new.schedule = 'bad' then raise exception 'not this one'; end if;
      return new;
    end $$;
    create trigger refuse before update on millrace.run for each row execute function fake.refuse()`);
  await time.set("2027-01-01T01:00:05Z");
  await time.fire();
  expect(await time.ledger("good")).toMatchObject([{ outcome: "fired" }]);
  expect(await time.ledger("bad")).toMatchObject([
    { outcome: "skipped", reason: "refused: not this one", run_id: null },
  ]);
  expect((await requireSchedule(time.db, "bad")).problem).toBe("not this one");
});

test("a schedule of a job that nobody has registered is refused", async () => {
  const time = await Timepiece.at(START, report());
  const given = {
    job: "nobody",
    rule: { cron: "@daily", timeZone: "UTC" },
    policy: { overlap: "skip", missed: "last", missedLimit: 1, graceMs: 1000 },
    input: "{}",
  } as const;
  await expect(createSchedule(time.db, by("api"), "s", given)).rejects.toMatchObject({
    code: "unknown_job",
  });
});
