import { defineJob, defineQueue } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect } from "vitest";
import { z } from "zod";
import { type Answer, type ApiUnderTest } from "./api.ts";
import { askFor } from "./approval.ts";
import { seedDeadLetters } from "./dead-letters.ts";
import { putInDoubt } from "./doubt.ts";

const HOOK_SECRET = "a-secret-of-webhooks";

export type Kind =
  | "run"
  | "deadLetter"
  | "job"
  | "queue"
  | "ownQueue"
  | "schedule"
  | "operation"
  | "secret"
  | "endpoint"
  | "subscription"
  | "delivery"
  | "key"
  | "alert"
  | "alertRule"
  | "alertSilence"
  | "alertTarget"
  | "worker";

export type Ids = Record<Kind, string>;

/** All that can belong to a project: what can be named bears its name, and `ids` has what stands for each kind. */
export interface Furnished {
  name: string;
  /** Of an admin who is confined to it. */
  key: string;
  ids: Ids;
  /** Of all of its runs. */
  runs: string[];
}

export async function done(answer: Promise<Answer>): Promise<Answer["body"]> {
  const { status, body } = await answer;
  expect(status, JSON.stringify(body)).toBeLessThan(300);
  return body;
}

export async function furnish(api: ApiUnderTest, name: string): Promise<Furnished> {
  const put = (path: string, json: object) =>
    done(api.call(`/api/v1/${path}`, { method: "PUT", json }));
  await done(api.call("/api/v1/projects", { json: { name } }));
  const job = `${name}/pay`;
  const secret = `${name.toUpperCase()}_TOKEN`;
  const pay = defineJob({
    ...{ name: job, queue: `${name}/queue`, input: z.looseObject({}) },
    run: () => null,
  });
  const plain = defineJob({ name: `${name}/plain`, run: () => null });
  await new JobRegistry([pay, plain], [defineQueue({ name: `${name}/queue` })]).register(api.db, {
    project: name,
  });
  const makeKey = (role: string) =>
    done(api.call("/api/v1/keys", { json: { name: `${name} ${role}`, role, projects: [name] } }));
  const { key } = await makeKey("admin");
  // One that may go while the other works.
  const { id: keyId } = await makeKey("viewer");
  const made = { method: "PUT", key };
  await done(
    api.call(`/api/v1/secrets/${secret}`, { ...made, json: { value: HOOK_SECRET, jobs: [job] } }),
  );
  await put(`webhooks/endpoints/${name}-hook`, { scheme: "github", job, secret });
  await put(`webhooks/subscriptions/${name}-told`, {
    ...{ url: `https://example.com/${name}`, events: ["run.failed"], project: name },
  });
  await put(`alert-rules/${name}-rule`, { kind: "dead-letters", project: name });
  await put(`alert-targets/${name}-chat`, {
    ...{ kind: "slack", credential: `https://example.com/${name}-credential`, project: name },
  });
  const silence = await done(
    api.call("/api/v1/alert-silences", { key, json: { rule: `${name}-rule`, for: "1h" } }),
  );
  const { rows: alerts } = await api.db.query<{ id: string }>(
    `insert into millrace.alert (id, rule, kind, project, subject, state, severity, value, threshold, since)
     values (millrace.new_uuid(), $1 || '-rule', 'dead-letters', $1, $1 || '/pay', 'firing', 'warning', 1, 0, now()) returning id`,
    [name],
  );
  const { rows: idle } = await api.db.query<{ id: number }>(
    `insert into millrace.worker (id, name, concurrency, queues, jobs, version, lease_ms, project) overriding system value
     select 700000 + coalesce(max(id), 0), $1 || '-idle', 1, '{}', '{}', '1', 12000, $1 from millrace.worker returning id`,
    [name],
  );
  const alerting = {
    worker: String(idle[0]!.id),
    ...{ alert: alerts[0]!.id, alertRule: `${name}-rule`, alertTarget: `${name}-chat` },
    alertSilence: silence.id,
  };
  const delivery = await done(
    api.call(`/api/v1/webhooks/subscriptions/${name}-told/test`, { method: "POST", key }),
  );
  const cron = { name: `${name}/nightly`, job, cron: "0 3 * * *" };
  await done(api.call("/api/v1/schedules", { json: cron, key }));
  await seedDeadLetters(api.db, 1, { job, queue: `${name}/queue`, message: `${name} broke once` });
  const operation = await done(
    api.call("/api/v1/operations", { key, json: { kind: "dismiss", filter: { job }, note: name } }),
  );
  await api.db.query("update millrace.dead_letter set handled_at = null");
  const [deadLetter] = await seedDeadLetters(api.db, 1, {
    ...{ job, queue: `${name}/queue`, message: `${name} broke` },
  });
  for (let n = 0; n < 5; n++) {
    const json = { job, correlationId: `${name}-request`, input: { of: name } };
    await done(api.call("/api/v1/runs", { json, key }));
  }
  await done(api.call("/api/v1/runs", { json: { job: `${name}/plain` }, key }));
  await settleSome(api, name);
  const pause = { json: { reason: `${name} is closed` }, key };
  await done(api.call(`/api/v1/queues/${encodeURIComponent(`${name}/queue`)}/pause`, pause));
  await done(api.call(`/api/v1/jobs/${encodeURIComponent(job)}/pause`, pause));
  const { rows } = await api.db.query<{ id: string; open: boolean }>(
    "select id, state is null as open from millrace.run where job = $1 order by id desc",
    [job],
  );
  const [run] = rows.filter(({ open }) => open).map(({ id }) => id);
  const queue = `${name}/queue`;
  const webhooks = {
    endpoint: `${name}-hook`,
    subscription: `${name}-told`,
    delivery: delivery.id,
  };
  const ids: Ids = {
    ...{ run: run!, deadLetter: deadLetter!, job, queue, ownQueue: queue, secret, ...webhooks },
    ...{ schedule: `${name}/nightly`, operation: String(operation.id), key: keyId, ...alerting },
  };
  return { name, key, ids, runs: rows.map(({ id }) => id) };
}

/** One of its runs asks for approval, one is in doubt, and one has published something; the others wait, or are held. */
async function settleSome(api: ApiUnderTest, name: string): Promise<void> {
  const claimed = await api.claimAs([`${name}/queue`], [`${name}/pay`]);
  const { worker, runs } = claimed;
  await api.db.query("update millrace.worker set name = $2, project = $3 where id = $1", [
    ...[worker, `${name}-machine`, name],
  ]);
  await askFor(api.db, { worker, ...runs[0]! }, { ask: `${name}: refund?` });
  await putInDoubt(api.db, { worker, ...runs[1]! }, [`${name}-charge`]);
  await api.db.query(
    "insert into millrace.published (run_id, key, value, checkpoints, attempt, number) values ($1, $2, '1', 0, 1, 1)",
    [runs[2]!.runId, `${name}-progress`],
  );
}
