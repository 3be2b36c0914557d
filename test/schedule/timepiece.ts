import { type AnyJob, type ScheduleOptions, defineSchedule } from "@millrace/sdk";
import {
  Claimer,
  type Database,
  JobRegistry,
  type Outcome,
  createSchedule,
  fireDue,
  openDatabase,
  settle,
} from "millrace";
import { onTestFinished } from "vitest";
import { createDatabase } from "../support/database.ts";
import { by } from "../support/caller.ts";

export interface LedgerLine {
  nominal: string;
  outcome: string;
  reason: string | null;
  run_id: string | null;
  alert: string | null;
}

/**
 * A database whose clock stands where the test puts it: its sessions find another `clock_timestamp` before PostgreSQL's.
 * Time in the engine is the database's, so nothing of the product has to know.
 */
export class Timepiece {
  readonly db: Database;
  readonly url: string;
  readonly #jobs: readonly AnyJob[];

  private constructor(url: string, db: Database, jobs: readonly AnyJob[]) {
    this.url = url;
    this.db = db;
    this.#jobs = jobs;
  }

  static async at(instant: string, ...jobs: AnyJob[]): Promise<Timepiece> {
    const { url, drop } = await createDatabase();
    onTestFinished(drop);
    const db = openDatabase({
      connection: () => ({ connectionString: url, options: "-c search_path=fake,pg_catalog" }),
      applicationName: "millrace test",
      maxConnections: 6,
    });
    onTestFinished(() => db.end());
    await db.query(`create schema fake`);
    await db.query(`create table fake.clock (at timestamptz not null)`);
    await db.query(`insert into fake.clock values ($1)`, [instant]);
    await db.query(
      `create function fake.clock_timestamp() returns timestamptz language sql volatile as 'select at from fake.clock'`,
    );
    const timepiece = new Timepiece(url, db, jobs);
    await timepiece.deploy(...jobs);
    return timepiece;
  }

  /** A server starts with the code of these jobs. */
  deploy(...jobs: AnyJob[]): Promise<void> {
    return new JobRegistry(jobs).register(this.db);
  }

  async set(instant: string): Promise<void> {
    await this.db.query("update fake.clock set at = $1", [instant]);
  }

  async advance(interval: string): Promise<void> {
    await this.db.query("update fake.clock set at = at + $1::interval", [interval]);
  }

  create(job: AnyJob, options: ScheduleOptions & { name: string }, who = "api"): Promise<void> {
    const { rule, policy, input } = defineSchedule(job, options);
    const given = { job: job.name, rule, policy, input: JSON.stringify(input) };
    return createSchedule(this.db, by(who), options.name, given);
  }

  /** Until nothing is due any more. */
  async fire(): Promise<number> {
    let fired = 0;
    for (;;) {
      const { schedules, outcomes } = await fireDue(this.db);
      fired += outcomes.length;
      if (schedules === 0) return fired;
    }
  }

  async ledger(schedule: string): Promise<LedgerLine[]> {
    const { rows } = await this.db.query<LedgerLine>(
      `select to_char(nominal at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as nominal, outcome::text, reason, run_id, alert
       from millrace.occurrence where schedule = $1 order by nominal`,
      [schedule],
    );
    return rows;
  }

  /** How many there are of each outcome. */
  async counts(schedule: string): Promise<Record<string, number>> {
    const lines = await this.ledger(schedule);
    const counts: Record<string, number> = {};
    for (const { outcome } of lines) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  }

  async runs(
    schedule: string,
  ): Promise<{ id: string; scheduled_for: Date; state: string; input: unknown }[]> {
    const { rows } = await this.db.query<{
      id: string;
      scheduled_for: Date;
      state: string;
      input: unknown;
    }>(
      `select id, scheduled_for, millrace.state_of(id, state)::text as state, input
       from millrace.run where schedule = $1 order by scheduled_for`,
      [schedule],
    );
    return rows;
  }

  /** A worker takes what waits; `finish` completes it. */
  async work(): Promise<{ runs: string[]; finish: () => Promise<void> }> {
    const { rows } = await this.db.query<{ id: number }>(
      `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
       values ('test', 100, '{}', '{}', 'test', 12000) returning id`,
    );
    const worker = rows[0]!.id;
    const claimer = new Claimer(
      this.db,
      worker,
      ["default"],
      this.#jobs.map(({ name }) => name),
    );
    const runs = await claimer.claim(250);
    const outcomes = runs.map(({ leaseId, id: runId }): Outcome => ({
      verdict: "complete",
      output: null,
      leaseId,
      runId,
    }));
    return {
      runs: runs.map(({ id }) => id),
      finish: async () => void (await settle(this.db, worker, outcomes)),
    };
  }

  /** All that waits is done. */
  async workOff(): Promise<number> {
    const { runs, finish } = await this.work();
    if (runs.length > 0) await finish();
    return runs.length;
  }
}
