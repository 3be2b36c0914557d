import type { Failure } from "@millrace/core";
import type { Queryable } from "../store/statement.ts";
import { settleCompleted, settleOthers } from "../store/settle.ts";

/** How one attempt ended, to be recorded through its lease. */
export type Outcome = { leaseId: number; runId: string } & (
  | { verdict: "complete"; output: string | null }
  | { verdict: "retry"; delayMs: number; failure: Failure }
  | { verdict: "fail"; failure: Failure }
  | { verdict: "stop"; failure: Failure | null }
  | { verdict: "release" }
);

export type Settled = "recorded" | "lease lost" | "already ended";

/** One statement for more would hold its locks longer and save little. */
export const MAX_SETTLE = 500;

/**
 * Records outcomes, each only if the worker's lease still holds the run.
 *
 * @returns what became of each, in order
 */
export async function settle(
  db: Queryable,
  workerId: number,
  outcomes: readonly Outcome[],
): Promise<Settled[]> {
  const completed: Completed[] = [];
  const others: NotCompleted[] = [];
  for (const outcome of outcomes) {
    if (outcome.verdict === "complete") completed.push(outcome);
    else others.push(outcome);
  }
  const completedLetters =
    completed.length > 0 ? await recordCompleted(db, workerId, completed) : "";
  const otherLetters = others.length > 0 ? await recordOthers(db, workerId, others) : "";
  let [nextCompleted, nextOther] = [0, 0];
  return outcomes.map((outcome) =>
    outcome.verdict === "complete"
      ? MEANING[completedLetters[nextCompleted++] as Letter]
      : MEANING[otherLetters[nextOther++] as Letter],
  );
}

const MEANING = { r: "recorded", e: "already ended", l: "lease lost" } as const;

type Letter = keyof typeof MEANING;

type Completed = Extract<Outcome, { verdict: "complete" }>;

type NotCompleted = Exclude<Outcome, { verdict: "complete" }>;

async function recordCompleted(
  db: Queryable,
  workerId: number,
  outcomes: readonly Completed[],
): Promise<string> {
  const [row] = await settleCompleted(
    db,
    workerId,
    outcomes.map((outcome) => outcome.leaseId),
    outcomes.map((outcome) => outcome.runId),
    outcomes.map((outcome) => outcome.output),
  );
  return row!.letters;
}

async function recordOthers(
  db: Queryable,
  workerId: number,
  outcomes: readonly NotCompleted[],
): Promise<string> {
  const failures = outcomes.map((outcome) => ("failure" in outcome ? outcome.failure : null));
  const [row] = await settleOthers(
    db,
    workerId,
    outcomes.map((outcome) => outcome.leaseId),
    outcomes.map((outcome) => outcome.runId),
    outcomes.map((outcome) => outcome.verdict),
    outcomes.map((outcome) => (outcome.verdict === "retry" ? outcome.delayMs : 0)),
    failures.map((failure) => failure?.class ?? null),
    failures.map((failure) => failure?.message ?? null),
    failures.map((failure) => failure?.stack ?? null),
  );
  return row!.letters;
}
