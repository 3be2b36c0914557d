import { type Database, settle } from "millrace";
import { noteEffects } from "../../packages/server/src/store/effects.ts";

/** A run of which a worker, which is a row only, holds the lease. */
interface HeldRun {
  worker: number;
  leaseId: number;
  runId: string;
}

/** Has runs wait for a person to say whether these effects happened, as an attempt leaves them. */
export async function putInDoubt(
  db: Database,
  { worker, leaseId, runId }: HeldRun,
  names: readonly string[] = ["charge"],
): Promise<void> {
  for (const name of names) {
    const place = [[leaseId], [runId], [name], [1], [1], [1]] as const;
    const [leases, runs, effects, ordinals, attempts, tries] = place.map((part) => [...part]) as [
      number[],
      string[],
      string[],
      number[],
      number[],
      number[],
    ];
    const note = (what: "begun" | "failed" | "in doubt", error: string | null = null) =>
      noteEffects(
        db,
        worker,
        leases,
        runs,
        effects,
        ordinals,
        attempts,
        tries,
        [what],
        [error && "TypeError"],
        [error],
      );
    await note("begun");
    await note("failed", "connection reset");
    await note("in doubt");
  }
  const due = new Date(Date.UTC(9999, 11, 31));
  await settle(db, worker, [{ leaseId, runId, verdict: "suspend", due }]);
}
