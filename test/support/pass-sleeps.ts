import type { Mill } from "./mill.ts";

/** Waits until a run sleeps, and lets the time come that its sleeps wait for. */
export async function passSleeps(mill: Mill, id: string): Promise<void> {
  await mill.untilState(id, "waiting");
  await mill.db.query(
    "update millrace.waiter set due_at = clock_timestamp() where run_id = $1 and kind = 'sleep'",
    [id],
  );
  await mill.db.query("update millrace.timer set due_at = clock_timestamp() where run_id = $1", [
    id,
  ]);
}
