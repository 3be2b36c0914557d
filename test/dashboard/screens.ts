import type { Page } from "playwright-core";
import type { ApiUnderTest } from "../support/api.ts";
import { evaluateAlerts } from "../../packages/server/src/engine/alerts/evaluate.ts";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { askFor } from "../support/approval.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { putInDoubt } from "../support/doubt.ts";
import { minuteAgo, seedMinute } from "../support/minute.ts";

export interface ScreenCase {
  name: string;
  /** Where it is; `{run}` is the id of a run that failed. */
  path: string;
  /** What is seen when nothing is there; absent where there is no such state. */
  empty?: string;
  /** What is seen of {@link seed}. */
  full: string;
  /** A button that a viewer sees and may not press; absent where there is none. */
  refused?: string;
  /** What is there besides {@link seed}. */
  also?: (api: ApiUnderTest) => Promise<void>;
}

const SEEDED_MINUTE = minuteAgo(12 * 60_000);

/** Every screen: another one joins all tests of the matrix by a row. */
export const SCREEN_CASES: readonly ScreenCase[] = [
  { name: "home", path: "/", empty: "Nothing has run yet", full: "Outcomes" },
  {
    name: "home in a minute that is over",
    path: `/?at=${SEEDED_MINUTE.toISOString()}`,
    empty: "What waited and ran is not known",
    full: "crm.example",
    also: passMinute,
  },
  { name: "runs", path: "/runs", empty: "No run yet", full: "HttpError: 503 for order 1" },
  {
    name: "runs of a time, by columns of one's own",
    path: "/runs?range=6h&columns=state,key,input.tenant,queue,worker,priority,accepted",
    empty: "No run is like this",
    full: "any/thing",
  },
  {
    name: "runs before an instant",
    path: "/runs?before=2100-01-01T00:00:00Z",
    empty: "No run is like this",
    full: "503 for order 12",
  },
  { name: "saved view", path: "/v/of-any-thing", full: "503 for order 12", also: saveView },
  {
    name: "run",
    path: "/runs/{run}",
    full: "slow5",
    refused: "Retry",
    also: say,
  },
  {
    name: "graph of a run",
    path: "/runs/{run}?tab=graph",
    full: "Comes after",
    also: takeSteps,
  },
  {
    name: "graph of a job",
    path: "/jobs/greet?tab=graph",
    full: "any completed",
    also: becomeFlow,
  },
  { name: "queues", path: "/queues", full: "slow", refused: "Pause queue slow" },
  { name: "queue", path: "/queues/slow", full: "What holds runs back", refused: "Limits" },
  {
    name: "workers",
    path: "/workers",
    empty: "No worker is alive",
    full: "1 alive",
    refused: "Quiet worker test",
  },
  {
    name: "stack of a worker",
    path: "/workers?stack=1",
    full: "parseRow",
    refused: "Take a sample",
    also: sampleWorkers,
  },
  { name: "jobs", path: "/jobs", full: "Greets somebody." },
  { name: "job", path: "/jobs/greet", full: "Tried up to 5 times", refused: "Run now" },
  { name: "schedules", path: "/schedules", empty: "No schedule yet", full: "every 15 minutes" },
  {
    name: "month of schedules",
    path: "/schedules?tab=month&month=2027-03",
    empty: "No schedule yet",
    full: "clocks Europe/London +60 min",
  },
  {
    name: "schedule",
    path: "/schedules/quarterly",
    full: "What became of the last",
    refused: "Backfill",
  },
  {
    name: "dead letters",
    path: "/dead",
    empty: "No dead letters",
    full: "503 for order 12",
    refused: "Rerun 12…",
  },
  {
    name: "group of dead letters",
    path: "/dead?group=00000000000000aa",
    empty: "All are handled",
    full: "503 for order 1",
    refused: "Dismiss all 12",
  },
  { name: "errors", path: "/errors", empty: "No errors", full: "502 for page 3", also: fail },
  {
    name: "error group",
    path: "/errors/00000000000000bb",
    full: "502 for page 3",
    refused: "Mark as fixed",
    also: fail,
  },
  {
    name: "waiting",
    path: "/waiting",
    empty: "Nothing waits for a person",
    full: "Refund 5 €?",
    refused: "It happened…",
    also: askPeople,
  },
  {
    name: "operations",
    path: "/bulk",
    empty: "No operation yet",
    full: "Rerun 12 dead letters",
    also: operate,
  },
  {
    name: "operation",
    path: "/bulk/1",
    full: "What became of them",
    refused: "Pause",
    also: operate,
  },
  { name: "incidents", path: "/i", empty: "No incident yet", full: "Orders fail", also: keep },
  {
    name: "incident",
    path: "/i/orders",
    full: "Since the deploy",
    refused: "Add note",
    also: keep,
  },
  {
    name: "API keys",
    path: "/settings",
    empty: "No key yet",
    full: "API keys",
    refused: "Make a key",
  },
  {
    name: "people",
    path: "/settings?tab=people",
    empty: "Nobody yet",
    full: "They log in by a password",
    refused: "Invite somebody",
  },
  {
    name: "secrets",
    path: "/settings?tab=secrets",
    empty: "No secret yet",
    full: "nobody can read them here",
    refused: "Set a secret",
  },
  { name: "webhooks", path: "/settings?tab=webhooks", empty: "No webhook yet", full: "Webhooks" },
  { name: "projects", path: "/settings?tab=projects", full: "default", refused: "Add a project" },
  { name: "retention", path: "/settings?tab=retention", full: "as its run" },
  { name: "audit log", path: "/settings?tab=audit", full: "Audit log" },
  {
    name: "alerts",
    path: "/alerts",
    empty: "Nothing is wrong",
    full: "dead-letters",
    refused: "Acknowledge…",
    also: fireAlert,
  },
  {
    name: "rules of alerts",
    path: "/alerts?tab=rules",
    full: "oldest-wait",
    refused: "Add a rule",
  },
  {
    name: "targets of alerts",
    path: "/alerts?tab=targets",
    empty: "Nobody is told yet",
    full: "Who is told when a rule fires",
    refused: "Add a target",
  },
  {
    name: "silences",
    path: "/alerts?tab=silences",
    empty: "Nothing is silenced",
    full: "What is silenced fires",
    refused: "Silence alerts",
  },
  { name: "system", path: "/system", full: "1.2.3", also: beUnwell },
];

/** Runs that fail alike, and are counted so. */
export async function fail(api: ApiUnderTest): Promise<void> {
  for (let n = 1; n <= 3; n++) {
    await api.call("/api/v1/runs", { json: { job: "nothing" } });
    const failure = {
      ...{ class: "HttpError", message: `502 for page ${n}`, fingerprint: "00000000000000bb" },
      stack: "HttpError: 502\n    at load (src/pages.ts:7:1)",
    };
    await (await api.claim(["default"])).settle({ verdict: "fail", failure });
  }
  await countEnds(api.db, 1000);
}

/** What the main threads of all workers were seen to do. */
export async function sampleWorkers(api: ApiUnderTest): Promise<void> {
  const frames = [
    { function: "parseRow", place: "src/jobs/report.ts:40" },
    { function: "readOrders", place: "src/jobs/report.ts:22" },
    { function: "JSON.parse", place: null },
  ];
  const shares = { code: 0.96, idle: 0, collecting: 0.037, native: 0.003 };
  const stacks = [
    { share: 0.713, frames },
    { share: 0.2, frames: frames.slice(1) },
  ];
  await api.db.query("update millrace.worker set sample = $1, sample_at = clock_timestamp()", [
    JSON.stringify({ ms: 1019, answered: true, shares, stacks }),
  ]);
}

/** A run that asks, and one that does not know whether an effect happened. */
export async function askPeople(api: ApiUnderTest): Promise<void> {
  for (const wait of [
    (run: Parameters<typeof askFor>[1]) =>
      askFor(api.db, run, { ask: "Refund 5 €?", details: { order: 7 }, role: "editor" }),
    (run: Parameters<typeof askFor>[1]) => putInDoubt(api.db, run),
  ]) {
    await api.call("/api/v1/runs", { json: { job: "nothing" } });
    const { worker, runs } = await api.claim(["default"]);
    await wait({ worker, ...runs[0]! });
  }
}

/** Dead letters, of which a rule of Millrace's own says that there are any. */
export async function fireAlert(api: ApiUnderTest): Promise<void> {
  await fail(api);
  // A little ahead, as this clock knows no microseconds.
  const now = new Date(Date.now() + 1000);
  await evaluateAlerts(api.db, { everyMs: 0, publicUrl: api.url, now });
}

/** Lines of all runs that failed. */
async function say(api: ApiUnderTest): Promise<void> {
  await api.db.query(
    `insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
     select id, n, 1, now(), 'warn', E'\\x1b[33mslow' || n || E'\\x1b[0m ' || E'\\x1b[' || 30 + n || E'mof\\x1b[41m https://example.com/' || repeat(E'\n  upstream', n * 3), '{"ms":1840}' from millrace.run, generate_series(1, 5) n
     where state = 'failed'`,
  );
}

/** Steps of all runs that failed. */
async function takeSteps(api: ApiUnderTest): Promise<void> {
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, attempt, started_at, finished_at, seq)
     select id, name, 1, 'step', 1, now(), now(), 1 from millrace.run, unnest(array['open', 'read a page with a long name', 'close']) name
     where state = 'failed'`,
  );
}

/** For what the doctor sees: a process that does not do its work. */
async function beUnwell(api: ApiUnderTest): Promise<void> {
  await api.db.query(
    `insert into millrace.process (name, roles, version, pool_max, trouble, trouble_since)
     values ('host:2', '{worker}', '0.9.0', 10, 'worker: claim loop has not come back for 9 s', clock_timestamp())`,
  );
}

async function becomeFlow(api: ApiUnderTest): Promise<void> {
  const node = { kind: "function", job: null, mayFail: false, maxAttempts: 3 };
  const nodes = [
    { ...node, name: "first", after: [], when: "all completed" },
    { ...node, name: "second", after: ["first"], when: "any completed" },
    { ...node, name: "third", after: ["first"], when: "all completed" },
  ];
  const graph = JSON.stringify({ nodes, nodeConcurrency: 2 });
  await api.db.query("update millrace.job set graph = $1::jsonb where name = 'greet'", [graph]);
}

export async function saveView(api: ApiUnderTest): Promise<void> {
  const json = { title: "Of any thing", query: "job:any/thing", shared: true };
  await api.call("/api/v1/views/of-any-thing", { method: "PUT", json });
}

/** Something of all that is kept of a minute. */
export async function passMinute(api: ApiUnderTest): Promise<void> {
  await seedMinute(api, SEEDED_MINUTE);
}

/** An incident at an address that is known, about that minute. */
export async function keep(api: ApiUnderTest): Promise<void> {
  await fail(api);
  await passMinute(api);
  const json = {
    ...{ title: "Orders fail", note: "Since the deploy\nof 13:02", query: "status:failed" },
    ...{ at: SEEDED_MINUTE.toISOString(), errorGroup: "00000000000000bb" },
  };
  await api.call("/api/v1/incidents", { json });
  await api.db.query("update millrace.incident set slug = 'orders'");
}

async function operate(api: ApiUnderTest): Promise<void> {
  const json = { kind: "rerun", filter: { fingerprint: "00000000000000aa" }, canary: true };
  await api.call("/api/v1/operations", { json });
}

/** Some of everything. @returns the id of a run that failed */
export async function seed(api: ApiUnderTest): Promise<string> {
  for (const json of [
    { job: "greet", input: { name: "Ada" } },
    { job: "any/thing", input: { tenant: "acme", region: "eu" }, delay: "3h" },
    { job: "any/thing", input: [1, 2, 3], priority: 5 },
  ]) {
    await api.call("/api/v1/runs", { json });
  }
  for (const json of [
    { name: "quarterly", job: "any/thing", cron: "*/15 * * * *", overlap: "allow" },
    { name: "nightly", job: "any/thing", cron: "30 1 * * *", timeZone: "Europe/London" },
  ]) {
    await api.call("/api/v1/schedules", { json });
  }
  // Somebody executes the first.
  await api.claim(["default"]);
  const failed = await seedDeadLetters(api.db, 12);
  return failed.at(-1)!;
}

/** Until the page shows a text. */
export async function seen(page: Page, text: string): Promise<void> {
  await page.getByText(text).first().waitFor();
}
