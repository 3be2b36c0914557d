import type { AnyJob } from "@millrace/sdk";
import { evaluateAlerts, type Round } from "../../packages/server/src/engine/alerts/evaluate.ts";
import { type GivenRule, setAlertRule } from "../../packages/server/src/engine/alerts/rules.ts";
import type { AlertRow } from "../../packages/server/src/store/alerts.ts";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { ALERT_KIND_NAMES } from "@millrace/core";
import { Mill } from "./mill.ts";
import { ADMIN } from "./secrets.ts";

export const MINUTE_MS = 60_000;

/** Rules of Millrace's own, on a database of their own, at instants that the test says. */
export class Alerting {
  readonly mill: Mill;
  readonly #from: number;

  private constructor(mill: Mill, from: number) {
    this.mill = mill;
    this.#from = from;
  }

  /** Nothing fires by itself that no rule of the test is about. */
  static async create(...jobs: AnyJob[]): Promise<Alerting> {
    const mill = await Mill.create(...jobs);
    // By the database's clock, a little ahead of what the test does before its first round.
    const [clock] = await mill.rows<{ now: Date }>("select clock_timestamp() as now");
    const alerting = new Alerting(mill, clock!.now.getTime());
    for (const name of ALERT_KIND_NAMES) await alerting.rule(name, { enabled: false });
    return alerting;
  }

  at(minutes: number): Date {
    return new Date(this.#from + minutes * MINUTE_MS);
  }

  /** A round so many minutes after the beginning, when what has ended is counted; afterwards somebody looks what stands. */
  async round(minutes: number): Promise<Round> {
    await countEnds(this.mill.db, 1000);
    const round = await evaluateAlerts(this.mill.db, {
      ...{ everyMs: 0, publicUrl: "https://mill.example.com", now: this.at(minutes) },
    });
    if (!round) throw new Error("the round was another's");
    if (round.failed.length > 0) throw round.failed[0]!.error;
    await takeSample(this.mill.db, this.at(minutes));
    return round;
  }

  /** A run of a job fails for good, so many minutes after the beginning. */
  async dies(job: string, minutes = 0): Promise<void> {
    await this.mill.db.query(
      `insert into millrace.end_minute as e (at, job, outcome, ends) values ($1, $2, 'failed', 1)
       on conflict (at, job, outcome) do update set ends = e.ends + 1`,
      [this.at(minutes), job],
    );
  }

  /** One in each minute. */
  async rounds(from: number, to: number): Promise<void> {
    for (let minute = from; minute <= to; minute++) await this.round(minute);
  }

  /** Switches a rule on, as it is or otherwise. */
  async rule(name: string, given: Partial<GivenRule> = {}): Promise<void> {
    await setAlertRule(this.mill.db, ADMIN, name, {
      ...{ kind: undefined, subject: undefined, threshold: undefined, forMs: undefined },
      ...{ windowMs: undefined, severity: undefined, enabled: true, project: undefined },
      ...given,
    });
  }

  /** All there are or were, as they began. */
  alerts(): Promise<(AlertRow & Record<string, unknown>)[]> {
    return this.mill.rows("select * from millrace.alert order by id");
  }

  /** Of each that is open: its rule, what it is about, and its state; sorted. */
  async open(): Promise<string[]> {
    const alerts = await this.alerts();
    return alerts
      .filter(({ state }) => state !== "resolved")
      .map(({ rule, subject, state }) => `${rule} ${subject} ${state}`)
      .toSorted();
  }
}
