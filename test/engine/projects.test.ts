import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { answerTo } from "../../packages/server/src/engine/answer-approval.ts";
import {
  createApiKey,
  revokeKey,
  rotateApiKey,
} from "../../packages/server/src/engine/api-keys.ts";
import { cancel } from "../../packages/server/src/engine/cancel.ts";
import {
  dismiss,
  reopenDeadLetter,
  rerunDeadLetter,
} from "../../packages/server/src/engine/dead-letter.ts";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { resetLimits, setQueueLimits } from "../../packages/server/src/engine/limit-queue.ts";
import { beginOperation, steerOperation } from "../../packages/server/src/engine/operation.ts";
import { move } from "../../packages/server/src/engine/move.ts";
import { disableOne, drain, enableOne, reopen } from "../../packages/server/src/engine/close.ts";
import {
  pause,
  pauseJobOrKey,
  resume,
  resumeJobOrKey,
} from "../../packages/server/src/engine/pause.ts";
import { addProject } from "../../packages/server/src/engine/projects.ts";
import { rerun } from "../../packages/server/src/engine/rerun.ts";
import { resolveDoubt } from "../../packages/server/src/engine/resolve-doubt.ts";
import { rotateSecrets } from "../../packages/server/src/engine/rotate-secrets.ts";
import { beginBackfill } from "../../packages/server/src/engine/schedule/backfill.ts";
import {
  editSchedule,
  type GivenSchedule,
  pauseOne,
  removeOne,
  resetSchedule,
  resumeOne,
} from "../../packages/server/src/engine/schedule/schedules.ts";
import { removeSecret, setSecret } from "../../packages/server/src/engine/secrets.ts";
import { by } from "../support/caller.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";

test("S4: each use-case looks by itself whether what it changes is its caller's", async () => {
  const job = "sync";
  const queue = "calls";
  const mill = await Mill.create(defineJob({ name: job, queue, run: () => null }));
  const { db } = mill;
  const keys = secretKeys();
  await addProject(db, by("api"), "crm");
  const runId = await mill.enqueue(job);
  const letters = await seedDeadLetters(db, 2, { job, queue });
  const { row: key } = await createApiKey(db, by("api"), {
    ...{ name: "theirs", role: "viewer", lifetimeMs: null, projects: ["default"] },
  });
  await setSecret(db, by("api"), keys, {
    ...{ name: "TOKEN", given: { value: "a-secret-value" }, jobs: "all" },
  });
  const kind = "dismiss" as const;
  const whole = by("api", "admin", ["default"]);
  const operation = await beginOperation(db, whole, { kind, filter: { job } });
  const given = { job } as GivenSchedule;
  await mill.rows(
    `insert into millrace.schedule (name, job, rule, policy, input, created_by)
     values ('nightly', $1, '{}', '{}', '{}', 'test')`,
    [job],
  );
  const range = { from: new Date(0), until: new Date(1) };

  const they = by("key:crm", "admin", ["crm"]);
  const acts: Record<string, [code: string, act: () => Promise<unknown>]> = {
    cancel: ["run_not_found", () => cancel(db, they, { runId, reason: null })],
    rerun: ["run_not_found", () => rerun(db, they, { runId: letters[0]! })],
    fork: ["run_not_found", () => fork(db, they, { runId, step: "any", ordinal: 1 })],
    dismiss: ["dead_letter_not_found", () => dismiss(db, they, letters[0]!, null)],
    move: ["run_not_found", () => move(db, they, { runId, priority: 1 })],
    reopenDeadLetter: ["dead_letter_not_found", () => reopenDeadLetter(db, they, letters[0]!)],
    rerunDeadLetter: [
      "dead_letter_not_found",
      () => rerunDeadLetter(db, they, { runId: letters[0]! }),
    ],
    resolveDoubt: [
      "run_not_found",
      () => resolveDoubt(db, they, { runId, happened: false, note: null } as never),
    ],
    answerTo: [
      "run_not_found",
      () => answerTo(db, { via: "api", caller: they }, { runId, approved: true } as never),
    ],
    pause: ["queue_not_found", () => pause(db, they, queue, null)],
    resume: ["queue_not_found", () => resume(db, they, queue)],
    drain: ["queue_not_found", () => drain(db, they, queue, { reason: null, until: null })],
    reopen: ["queue_not_found", () => reopen(db, they, queue)],
    setQueueLimits: ["queue_not_found", () => setQueueLimits(db, they, queue, { concurrency: 1 })],
    resetLimits: ["queue_not_found", () => resetLimits(db, they, queue)],
    pauseJobOrKey: [
      "not_found",
      () => pauseJobOrKey(db, they, { job, key: null, reason: null, until: null }),
    ],
    resumeJobOrKey: ["not_found", () => resumeJobOrKey(db, they, job, null)],
    disableOne: ["not_found", () => disableOne(db, they, job, { reason: null, until: null })],
    enableOne: ["not_found", () => enableOne(db, they, job)],
    beginOperation: ["dead_letter_not_found", () => beginOperation(db, they, { kind, filter: {} })],
    steerOperation: ["operation_not_found", () => steerOperation(db, they, operation, "pause")],
    pauseOne: ["schedule_not_found", () => pauseOne(db, they, "nightly", null, null, null)],
    resumeOne: ["schedule_not_found", () => resumeOne(db, they, "nightly")],
    removeOne: ["schedule_not_found", () => removeOne(db, they, "nightly")],
    editSchedule: ["schedule_not_found", () => editSchedule(db, they, "nightly", () => given)],
    resetSchedule: ["schedule_not_found", () => resetSchedule(db, they, "nightly")],
    beginBackfill: ["schedule_not_found", () => beginBackfill(db, they, "nightly", range, 1)],
    revokeKey: ["key_not_found", () => revokeKey(db, they, key.id)],
    rotateApiKey: ["key_not_found", () => rotateApiKey(db, they, key.id, 0)],
    removeSecret: ["secret_not_found", () => removeSecret(db, they, "TOKEN")],
    rotateSecrets: ["forbidden", () => rotateSecrets(db, they, keys)],
    addProject: ["forbidden", () => addProject(db, they, "theirs")],
  };
  const before = await mill.rows("select count(*) from millrace.audit");
  for (const [name, [code, act]] of Object.entries(acts)) {
    await expect(act(), name).rejects.toMatchObject({ code });
  }
  expect(await mill.rows("select count(*) from millrace.audit")).toEqual(before);
});
