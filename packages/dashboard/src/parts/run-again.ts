import type { AcceptedRun } from "@millrace/core/api";
import { act } from "../data/act.ts";
import { refresh } from "../data/resource.ts";
import { toast } from "./toast.tsx";

/** So many are asked for at the same time. */
const AT_ONCE = 4;

const CHANGES = ["/api/v1/runs", "/api/v1/overview", "/api/v1/queues", "/api/v1/live"];

/**
 * Says that runs were cancelled, and offers to run them again. That is no undo: a run that has ended stays so, and a new one with the
 * same input comes last in its queue.
 *
 * @param text what was done
 */
export function offerAgain(text: string, ids: readonly string[]): void {
  toast(
    text,
    "good",
    () => void runAgain(ids),
    ids.length === 1 ? "Run it again" : "Run them again",
  );
}

async function runAgain(ids: readonly string[]): Promise<void> {
  const left = [...ids];
  let [made, why] = [0, ""];
  const work = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const key = { idempotencyKey: crypto.randomUUID() };
      const result = await act<AcceptedRun>(`/api/v1/runs/${id}/rerun`, key, []);
      if (result.ok) made++;
      else why = result.trouble.detail;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  refresh(...CHANGES);
  const said =
    made === 1
      ? "1 new run with the same input was made"
      : `${made} new runs with the same inputs were made`;
  if (why === "") toast(said);
  else toast(`${said}; ${ids.length - made} refused: ${why}`, "bad");
}
