import { defineJob } from "@millrace/sdk";
import { awake } from "../runtime/awake-clock.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Recorder } from "./attempt.ts";
import { AttemptContext } from "./attempt-context.ts";
import { execute } from "./executor.ts";
import { NO_LEASE } from "./settler.ts";

/** A worker that has recorded an outcome within this time has proven itself by its work. */
const EVERY_MS = 3000;

/** Of no registry: nobody can ask for it. */
const NOTHING = defineJob({ name: "self-test", run: () => null });

/** No row has its id or its lease, so that what comes of it changes nothing, is in no list and is counted nowhere. */
const NOBODY: ClaimedRun = {
  leaseId: NO_LEASE,
  place: 0,
  opening: null,
  id: "00000000-0000-7000-8000-000000000000",
  job: NOTHING.name,
  queue: "",
  attempts: 0,
  failures: 0,
  losses: 0,
  trigger: "api",
  correlationId: null,
  traceContext: null,
  input: {},
  lost: undefined,
  waitedMs: 0,
  parcel: null,
  passed: null,
  scheduledFor: undefined,
};

/**
 * What a worker does with a run after its claim, done with one that there is not: the executor calls a handler, the outcome
 * goes into the batch that carries all others, and the database answers that there is no such lease. With the claims, which
 * are asked for each second whether there is anything or not, that is the whole way of a run, and leaves nothing behind. An
 * idle worker pays one statement in three seconds for it, a busy one none.
 */
export class SelfTest {
  #begunAt: number | undefined;

  /** Begins one, unless the worker has proven itself lately, or the last is under way. Its end is the settler's to know. */
  beginIfDue(recorder: Recorder): void {
    const now = awake.now();
    const last = Math.max(this.#begunAt ?? -Infinity, recorder.settler.recordedAt);
    if (recorder.settler.pending > 0 || now - last < EVERY_MS) return;
    this.#begunAt = now;
    const execution = {
      run: NOBODY,
      job: NOTHING,
      context: new AttemptContext(NOBODY, NOTHING, recorder),
    };
    execute(execution, {
      handlerEnded() {},
      ignored() {},
      concluded: (outcome) => recorder.settler.push(outcome, { resolve() {}, reject() {} }),
    });
  }
}
