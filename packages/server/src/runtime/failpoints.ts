/**
 * Places at which a fault test may hold, stop or kill a process: before and after whatever worker, heartbeat, reaper and
 * dispatcher write, and around the handler. `after_commit` is when the database has carried it out and nobody has
 * acted upon it yet.
 *
 * Nothing in the product can switch them on: no setting, no variable of the environment. A test process does so with
 * {@link onFailpoint} before it starts the rest. Otherwise each costs a comparison, and, but for the handler's, one per batch.
 */
export type Failpoint =
  | "erase.between"
  | "register.after_commit"
  | "strays.after_read"
  | "claim.before"
  | "claim.after_commit"
  | "handler.before"
  | "handler.after"
  | "log.before"
  | "log.after_commit"
  | "step.before"
  | "step.after_commit"
  | "receipt.before"
  | "receipt.after_commit"
  | "note.before"
  | "note.after_commit"
  | "withdraw.before"
  | "withdraw.after_commit"
  | "wait.before"
  | "wait.between"
  | "wait.after_commit"
  | "approval.before"
  | "approval.after_commit"
  | "link.before"
  | "link.after_commit"
  | "call.before"
  | "call.after_commit"
  | "take.before"
  | "take.after_commit"
  | "publish.before"
  | "publish.after_commit"
  | "progress.before"
  | "progress.after_commit"
  | "settle.before"
  | "settle.between"
  | "settle.after_commit"
  | "cancels.after_read"
  | "drain.before"
  | "release.before"
  | "gone.before"
  | "heartbeat.before"
  | "heartbeat.after_commit"
  | "reap.before"
  | "reap.between"
  | "reap.after_lost"
  | "reap.after_commit"
  | "dispatch.before"
  | "dispatch.after_commit"
  | "alerts.before_commit"
  | "notify.after_send"
  | "deliver.after_send"
  | "meet.before"
  | "meet.after_commit"
  | "orphans.before"
  | "schedule.before"
  | "schedule.after_take"
  | "schedule.before_enqueue"
  | "schedule.after_enqueue"
  | "schedule.before_ledger"
  | "schedule.before_cancel"
  | "schedule.before_move"
  | "schedule.before_commit"
  | "schedule.after_commit"
  | "reply.after_commit";

type Hook = (point: Failpoint) => void;

let hook: Hook | undefined;

/** Says that this thread has come to the point. Synchronous, so that a hook can hold the whole thread there. */
export function failpoint(point: Failpoint): void {
  hook?.(point);
}

/** For tests: calls the hook at every point of this thread from now on; undefined switches it off. */
export function onFailpoint(to: Hook | undefined): void {
  hook = to;
}
