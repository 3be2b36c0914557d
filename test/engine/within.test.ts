import { readFileSync, readdirSync } from "node:fs";
import type { Database } from "millrace";
import { expect, test } from "vitest";
import { acknowledge } from "../../packages/server/src/engine/alerts/acknowledge.ts";
import { removeAlertRule } from "../../packages/server/src/engine/alerts/rules.ts";
import { endSilence } from "../../packages/server/src/engine/alerts/silences.ts";
import {
  removeAlertTarget,
  testAlertTarget,
} from "../../packages/server/src/engine/alerts/targets.ts";
import { answerTo } from "../../packages/server/src/engine/answer-approval.ts";
import { revokeKey, rotateApiKey } from "../../packages/server/src/engine/api-keys.ts";
import { cancel } from "../../packages/server/src/engine/cancel.ts";
import {
  dismiss,
  reopenDeadLetter,
  rerunDeadLetter,
} from "../../packages/server/src/engine/dead-letter.ts";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { resetLimits, setQueueLimits } from "../../packages/server/src/engine/limit-queue.ts";
import { changeRate, steerOperation } from "../../packages/server/src/engine/operation.ts";
import { move } from "../../packages/server/src/engine/move.ts";
import { disableOne, drain, enableOne, reopen } from "../../packages/server/src/engine/close.ts";
import {
  pause,
  pauseJobOrKey,
  resume,
  resumeJobOrKey,
} from "../../packages/server/src/engine/pause.ts";
import { startNow } from "../../packages/server/src/engine/start-now.ts";
import { rerun } from "../../packages/server/src/engine/rerun.ts";
import { resolveDoubt } from "../../packages/server/src/engine/resolve-doubt.ts";
import { askForStack, quiet, resumeTaking } from "../../packages/server/src/engine/steer-worker.ts";
import { beginBackfill } from "../../packages/server/src/engine/schedule/backfill.ts";
import {
  editSchedule,
  pauseOne,
  removeOne,
  resetSchedule,
  resumeOne,
} from "../../packages/server/src/engine/schedule/schedules.ts";
import { removeSecret } from "../../packages/server/src/engine/secrets.ts";
import { removeEndpoint } from "../../packages/server/src/engine/webhooks/endpoints.ts";
import {
  redeliver,
  removeSubscription,
  rotateSubscription,
  testSubscription,
} from "../../packages/server/src/engine/webhooks/subscriptions.ts";
import type { Caller } from "../../packages/server/src/security/caller.ts";
import { startApi } from "../support/api.ts";
import { by } from "../support/caller.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

type Names = Record<
  "run" | "operation" | "delivery" | "key" | "alert" | "silence" | "worker",
  string
>;

const RANGE = { from: new Date(0), until: new Date(1) };

/** Each use-case that is about something that it names, as it is asked for what belongs to another project; by what is said of that. */
const USE_CASES: Record<
  string,
  Record<string, (db: Database, by: Caller, of: Names) => Promise<unknown>>
> = {
  run_not_found: {
    cancel: (db, caller, { run }) => cancel(db, caller, { runId: run } as never),
    move: (db, caller, { run }) => move(db, caller, { runId: run, priority: 1 }),
    startNow: (db, caller, { run }) => startNow(db, caller, { runId: run, reason: null }),
    rerun: (db, caller, { run }) => rerun(db, caller, { runId: run }),
    fork: (db, caller, { run }) => fork(db, caller, { runId: run, step: "any", ordinal: 1 }),
    resolveDoubt: (db, caller, { run }) => resolveDoubt(db, caller, { runId: run } as never),
    answerTo: (db, caller, { run }) =>
      answerTo(db, { via: "api", caller }, { runId: run, approved: true } as never),
  },
  dead_letter_not_found: {
    dismiss: (db, caller, { run }) => dismiss(db, caller, run, null),
    reopenDeadLetter: (db, caller, { run }) => reopenDeadLetter(db, caller, run),
    rerunDeadLetter: (db, caller, { run }) => rerunDeadLetter(db, caller, { runId: run }),
  },
  not_found: {
    pauseJobOrKey: (db, caller) =>
      pauseJobOrKey(db, caller, { job: "greet", key: null, reason: null, until: null }),
    resumeJobOrKey: (db, caller) => resumeJobOrKey(db, caller, "greet", null),
    disableOne: (db, caller) => disableOne(db, caller, "greet", { reason: null, until: null }),
    enableOne: (db, caller) => enableOne(db, caller, "greet"),
  },
  queue_not_found: {
    setQueueLimits: (db, caller) => setQueueLimits(db, caller, "slow", { concurrency: 1 }),
    resetLimits: (db, caller) => resetLimits(db, caller, "slow"),
    pause: (db, caller) => pause(db, caller, "slow", null),
    resume: (db, caller) => resume(db, caller, "slow"),
    drain: (db, caller) => drain(db, caller, "slow", { reason: null, until: null }),
    reopen: (db, caller) => reopen(db, caller, "slow"),
  },
  schedule_not_found: {
    editSchedule: (db, caller) => editSchedule(db, caller, "nightly", (row) => row),
    resetSchedule: (db, caller) => resetSchedule(db, caller, "nightly"),
    removeOne: (db, caller) => removeOne(db, caller, "nightly"),
    pauseOne: (db, caller) => pauseOne(db, caller, "nightly", null, null, null),
    resumeOne: (db, caller) => resumeOne(db, caller, "nightly"),
    beginBackfill: (db, caller) => beginBackfill(db, caller, "nightly", RANGE, 1),
  },
  operation_not_found: {
    steerOperation: (db, caller, { operation }) =>
      steerOperation(db, caller, Number(operation), "cancel"),
    changeRate: (db, caller, { operation }) => changeRate(db, caller, Number(operation), 1),
  },
  secret_not_found: { removeSecret: (db, caller) => removeSecret(db, caller, "HOOK") },
  webhook_not_found: {
    removeEndpoint: (db, caller) => removeEndpoint(db, caller, "hook"),
    removeSubscription: (db, caller) => removeSubscription(db, caller, "ops"),
    rotateSubscription: (db, caller) => rotateSubscription(db, caller, {} as never, "ops", 0),
    testSubscription: (db, caller) => testSubscription(db, caller, "ops"),
  },
  delivery_not_found: {
    redeliver: (db, caller, { delivery }) => redeliver(db, caller, delivery),
  },
  alert_not_found: { acknowledge: (db, caller, { alert }) => acknowledge(db, caller, alert, null) },
  alert_rule_not_found: { removeAlertRule: (db, caller) => removeAlertRule(db, caller, "slow") },
  alert_silence_not_found: {
    endSilence: (db, caller, { silence }) => endSilence(db, caller, silence),
  },
  alert_target_not_found: {
    removeAlertTarget: (db, caller) => removeAlertTarget(db, caller, "pager"),
    testAlertTarget: (db, caller) => testAlertTarget(db, caller, "pager"),
  },
  worker_not_found: {
    quiet: (db, caller, { worker }) => quiet(db, caller, Number(worker)),
    askForStack: (db, caller, { worker }) => askForStack(db, caller, Number(worker)),
    resumeTaking: (db, caller, { worker }) => resumeTaking(db, caller, Number(worker)),
  },
  key_not_found: {
    rotateApiKey: (db, caller, { key }) => rotateApiKey(db, caller, key, 0),
    revokeKey: (db, caller, { key }) => revokeKey(db, caller, key),
  },
};

const ENGINE = new URL("../../packages/server/src/engine/", import.meta.url);

/** The exported functions that hold a caller to what they name. */
function functionsWithin(): string[] {
  const files = readdirSync(ENGINE, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) => readFileSync(new URL(file, ENGINE), "utf8").split(/^export (?=\w)/m))
    .filter((text) => /asCaller\([^;]*?, \{ \w+|requireWithin\(tx, who/.test(text.split(/^}/m)[0]!))
    .map((text) => /^(?:async )?function (\w+)/.exec(text)?.[1] ?? text);
}

test("S4: each use-case looks by itself for what is its caller's, whatever has looked before it", async () => {
  const api = await startApi();
  const made = async (path: string, json?: object, method = "POST") => {
    const { status, body } = await api.call(`/api/v1/${path}`, { method, ...(json && { json }) });
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    return body;
  };
  await made("projects", { name: "other" });
  await api.db.query(
    "insert into millrace.queue (name, project) values ('slow', 'default') on conflict do nothing",
  );
  const input = { name: "Ada" };
  await made("schedules", { name: "nightly", job: "greet", cron: "0 3 * * *", input });
  await made("secrets/HOOK", { value: "a-secret-of-webhooks", jobs: ["greet"] }, "PUT");
  const hook = { scheme: "github", job: "greet", secret: "HOOK" };
  await made("webhooks/endpoints/hook", hook, "PUT");
  const told = { url: "https://example.com/", events: ["run.failed"] };
  await made("webhooks/subscriptions/ops", told, "PUT");
  const [run] = await seedDeadLetters(api.db, 1, { job: "greet" });
  const { id: delivery } = await made("webhooks/subscriptions/ops/test");
  const { id: key } = await made("keys", { name: "bot", role: "viewer", projects: ["default"] });
  const { id: operation } = await made("operations", { kind: "dismiss", filter: {} });
  await api.db.query("update millrace.operation set projects = '{default}'");
  await made("alert-rules/slow", { kind: "oldest-wait", project: "default" }, "PUT");
  const pager = { kind: "pagerduty", credential: "0123456789abcdef", project: "default" };
  await made("alert-targets/pager", pager, "PUT");
  const { id: silence } = await made("alert-silences", { for: "1h", project: "default" });
  const { rows: fired } = await api.db.query<{ id: string }>(
    `insert into millrace.alert (id, rule, kind, project, subject, state, severity, value, threshold, since)
     values (gen_random_uuid(), 'slow', 'oldest-wait', 'default', 'slow', 'firing', 'warning', 2, 1, clock_timestamp()) returning id`,
  );

  const alert = fired[0]!.id;
  const { worker: number } = await api.claimAs(["slow"], ["greet"]);
  const worker = String(number);
  const names = { run: run!, operation: String(operation), delivery, key, alert, silence, worker };
  const all = Object.values(USE_CASES).flatMap((some) => Object.keys(some));
  expect(functionsWithin().sort()).toEqual(all.sort());
  const stranger = by("key:stranger", "admin", ["other"]);
  for (const [code, useCases] of Object.entries(USE_CASES)) {
    for (const [name, useCase] of Object.entries(useCases)) {
      await expect(useCase(api.db, stranger, names), name).rejects.toMatchObject({ code });
    }
  }
});
