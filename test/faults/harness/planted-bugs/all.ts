import { ANSWER_BUGS } from "./answers.ts";
import { APPROVAL_BUGS } from "./approvals.ts";
import { AUDIT_BUGS } from "./audit.ts";
import { CALL_BUGS } from "./calls.ts";
import { CHILD_BUGS } from "./children.ts";
import { EFFECT_BUGS } from "./effects.ts";
import { END_BUGS } from "./ends.ts";
import { FENCE_BUGS } from "./fence.ts";
import { FLOW_BUGS } from "./flow.ts";
import { WATCHER_BUGS } from "./watchers.ts";
import { PROJECT_BUGS } from "./projects.ts";
import { HARDENING_BUGS } from "./hardening.ts";
import { QUEUE_BUGS } from "./queue.ts";
import { REQUEST_BUGS } from "./requests.ts";
import { SIGNAL_BUGS } from "./signals.ts";
import { SCHEDULE_BUGS } from "./schedules.ts";
import { SIGHT_BUGS } from "./sight.ts";
import { TRANSPORT_BUGS } from "./transports.ts";
import { VERSION_BUGS } from "./versions.ts";
import { VALUE_BUGS } from "./values.ts";
import { WAIT_BUGS } from "./waits.ts";
import { WEBHOOK_BUGS } from "./webhooks.ts";
import type { PlantedBug } from "./planted-bug.ts";

/**
 * Bugs that a queue like this one could have, each as a change of our sources, and the test that must go red for it. A
 * test that was never seen to fail proves little; these were.
 *
 * To add one: what the bug is, the edits that plant it (the text must stand in the file exactly once, or `all` times
 * that it does), and the test that names it. `npm run faults:mutants -- --only "part of the name"` tries it.
 */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...FENCE_BUGS,
  ...QUEUE_BUGS,
  ...WATCHER_BUGS,
  ...FLOW_BUGS,
  ...TRANSPORT_BUGS,
  ...SCHEDULE_BUGS,
  ...WAIT_BUGS,
  ...CHILD_BUGS,
  ...EFFECT_BUGS,
  ...VERSION_BUGS,
  ...APPROVAL_BUGS,
  ...VALUE_BUGS,
  ...SIGNAL_BUGS,
  ...AUDIT_BUGS,
  ...PROJECT_BUGS,
  ...REQUEST_BUGS,
  ...WEBHOOK_BUGS,
  ...CALL_BUGS,
  ...HARDENING_BUGS,
  ...END_BUGS,
  ...SIGHT_BUGS,
  ...ANSWER_BUGS,
];
