import { readFileSync, readdirSync } from "node:fs";
import { type Permission, ROLES, may } from "@millrace/core";
import { type Database, createLogger } from "millrace";
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
import { changeGroup } from "../../packages/server/src/engine/errors/change-group.ts";
import {
  dropIncident,
  keepIncident,
  noteIncident,
} from "../../packages/server/src/engine/incidents.ts";
import { dropView, keepView } from "../../packages/server/src/engine/saved-views.ts";
import { Emitter } from "../../packages/server/src/engine/emitter.ts";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { Intake } from "../../packages/server/src/engine/intake.ts";
import { JobRegistry } from "../../packages/server/src/engine/job-registry.ts";
import { resetLimits, setQueueLimits } from "../../packages/server/src/engine/limit-queue.ts";
import {
  beginOperation,
  changeRate,
  steerOperation,
} from "../../packages/server/src/engine/operation.ts";
import { move } from "../../packages/server/src/engine/move.ts";
import { disableOne, drain, enableOne, reopen } from "../../packages/server/src/engine/close.ts";
import {
  pause,
  pauseJobOrKey,
  resume,
  resumeJobOrKey,
} from "../../packages/server/src/engine/pause.ts";
import {
  addPerson,
  changeAccess,
  disable,
  enable,
  reset,
  resetSecondFactor,
} from "../../packages/server/src/engine/people.ts";
import {
  addProject,
  moveToProject,
  removeProject,
} from "../../packages/server/src/engine/projects.ts";
import { rerun } from "../../packages/server/src/engine/rerun.ts";
import { askForStack, quiet, resumeTaking } from "../../packages/server/src/engine/steer-worker.ts";
import { resolveDoubt } from "../../packages/server/src/engine/resolve-doubt.ts";
import { rotateSecrets } from "../../packages/server/src/engine/rotate-secrets.ts";
import { beginBackfill } from "../../packages/server/src/engine/schedule/backfill.ts";
import {
  createSchedule,
  editSchedule,
  pauseOne,
  removeOne,
  resetSchedule,
  resumeOne,
} from "../../packages/server/src/engine/schedule/schedules.ts";
import { eraseSubject, previewErasure } from "../../packages/server/src/engine/subjects/erase.ts";
import { rotateSubjects } from "../../packages/server/src/engine/subjects/rotate.ts";
import { removeSecret, setSecret } from "../../packages/server/src/engine/secrets.ts";
import {
  removeEndpoint,
  setEndpoint,
} from "../../packages/server/src/engine/webhooks/endpoints.ts";
import {
  redeliver,
  removeSubscription,
  rotateSubscription,
  setSubscription,
  testSubscription,
} from "../../packages/server/src/engine/webhooks/subscriptions.ts";
import { acknowledge } from "../../packages/server/src/engine/alerts/acknowledge.ts";
import { removeAlertRule, setAlertRule } from "../../packages/server/src/engine/alerts/rules.ts";
import { endSilence, silenceAlerts } from "../../packages/server/src/engine/alerts/silences.ts";
import {
  removeAlertTarget,
  setAlertTarget,
  testAlertTarget,
} from "../../packages/server/src/engine/alerts/targets.ts";
import { startNow } from "../../packages/server/src/engine/start-now.ts";
import { Starter } from "../../packages/server/src/engine/start.ts";
import type { Caller } from "../../packages/server/src/security/caller.ts";
import { by } from "../support/caller.ts";

type UseCase = (db: Database, caller: Caller, ...rest: never[]) => Promise<unknown>;

/** Each use-case that is told who asks, by what its caller must be allowed to do. */
const USE_CASES: Partial<Record<Permission, Record<string, UseCase>>> = {
  start: {
    accept: (db, caller) => starter(db).accept(caller, { job: "any", trigger: "api" }),
    acceptMany: (db, caller) => starter(db).acceptMany(caller, [{ job: "any", trigger: "api" }]),
    emit: (db, caller) => starter(db).emit(caller, { name: "any" }),
  },
  read: { keepView, dropView },
  operate: {
    ...{ changeGroup, keepIncident, noteIncident, dropIncident },
    ...{ cancel, rerun, fork, dismiss, rerunDeadLetter, resolveDoubt, setQueueLimits, resetLimits },
    ...{ move, startNow, drain, reopen, disableOne, enableOne, reopenDeadLetter },
    ...{ beginOperation, steerOperation, pause, resume, pauseJobOrKey, resumeJobOrKey },
    ...{ pauseOne, resumeOne, beginBackfill, testSubscription, redeliver },
    ...{
      acknowledge,
      silenceAlerts,
      endSilence,
      testAlertTarget,
      quiet,
      resumeTaking,
      askForStack,
      changeRate,
    },
    answerTo: (db, caller, ...rest) => answerTo(db, { via: "api", caller }, ...(rest as [never])),
  },
  edit: {
    ...{ createSchedule, editSchedule, resetSchedule, removeOne },
    ...{ setEndpoint, removeEndpoint, setSubscription, removeSubscription, rotateSubscription },
  },
  administer: {
    ...{ createApiKey, rotateApiKey, revokeKey, setSecret, removeSecret, rotateSecrets },
    ...{ eraseSubject, previewErasure, rotateSubjects },
    ...{ addPerson, changeAccess, disable, enable, reset, resetSecondFactor },
    ...{ addProject, moveToProject, removeProject },
    ...{ setAlertRule, removeAlertRule, setAlertTarget, removeAlertTarget },
  },
};

function starter(db: Database): Starter {
  const quiet = () => {};
  const intake = new Intake(db, new JobRegistry([]), quiet);
  return new Starter(intake, new Emitter(db, quiet, createLogger("silent")));
}

const ENGINE = new URL("../../packages/server/src/engine/", import.meta.url);

/** The exported functions and the methods that take a caller, and the one that is there to ask. */
function functionsWithCaller(): string[] {
  const files = readdirSync(ENGINE, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) => {
      const text = readFileSync(new URL(file, ENGINE), "utf8");
      const functions = text.matchAll(
        /^(?:export (?:async )?function|  async) (\w+)[^(]*\(([^)]*)\)/gm,
      );
      return [...functions].flatMap(([, name, params]) =>
        /: (Caller|Answerer)\b/.test(params!) ? [name!] : [],
      );
    });
}

const LEFT_ALONE = [
  "asCaller",
  // They tell what of something is the caller's, whatever the role may.
  ...[
    "confinement",
    "projectOfEvent",
    "projectToBe",
    "alertingProject",
    "ownerOf",
    "requireOwnName",
    "requireWithin",
  ],
];

test("S3: each use-case refuses by itself whoever may not, before it looks at anything", async () => {
  const all = Object.values(USE_CASES).flatMap((some) => Object.keys(some));
  expect(functionsWithCaller().sort()).toEqual([...all, ...LEFT_ALONE].sort());

  const looked = new Error("it has looked at the database");
  const db = {
    connect: () => Promise.reject(looked),
    query: () => Promise.reject(looked),
  } as unknown as Database;
  const thing = { read: () => undefined };
  for (const [permission, useCases] of Object.entries(USE_CASES)) {
    for (const [name, useCase] of Object.entries(useCases)) {
      for (const role of ROLES) {
        const asked = useCase(db, by("somebody", role), ...([thing, thing, thing] as never[]));
        const refusal = { code: "forbidden", message: expect.stringContaining(`role ${role} may`) };
        const { message } = looked;
        const expected = may(role, permission as Permission) ? { message } : refusal;
        await expect(asked, `${role}: ${name}`).rejects.toMatchObject(expected);
      }
    }
  }
});
