import type { Projects } from "@millrace/core";
import { statement } from "./statement.ts";

/** What belongs to a project, and is named by requests. */
export type ObjectKind =
  | "run"
  | "deadLetter"
  | "job"
  | "queue"
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

/**
 * The condition that a job is of one of some projects, which may be null for any.
 *
 * @param job an expression @param projects a parameter, such as `$3`
 */
export function jobWithin(job: string, projects: string): string {
  return `(${projects}::text[] is null or ${job} = any (array(select name from millrace.job where project = any (${projects}))))`;
}

/** The same of something that has its project itself. */
export function within(project: string, projects: string): string {
  return `(${projects}::text[] is null or ${project} = any (${projects}))`;
}

/**
 * Where a list looks on that has looked at a window of runs, those of all projects. To callers of some it is told as an instant, for it may be
 * somebody else's run; where the whole window is of that one, as that run without the random part of its id, so that it goes on.
 *
 * @param last an expression, the least id of the window @param below where the window began
 */
export function windowEnd(last: string, below: string, projects: string): string {
  // As a run of that instant would be called, for a cursor is the id of a run.
  const floor = `millrace.uuid_floor(millrace.uuid_time(${last}) + interval '1 millisecond')`;
  const rounded = `(substr(${floor}::text, 1, 14) || '7000-8000-000000000000')::uuid`;
  const blurred = `(substr(${last}::text, 1, 24) || 'ffffffffffff')::uuid`;
  return `case when ${projects}::text[] is null then ${last} when ${rounded} < ${below} then ${rounded}
    when ${blurred} < ${below} then ${blurred} else ${last} end`;
}

/** No row when it is not there, or of another project: which of the two, nobody is told. */
type FindWithin = (...args: Parameters<typeof findRun>) => Promise<{ shared: boolean }[]>;

const find = (title: string, from: string) =>
  statement<[id: string, projects: readonly string[]], { shared: boolean }>(
    `find_${title}_within`,
    `select ${from}`,
  );

const OF_JOB = (job: string) =>
  `exists (select from millrace.job j where j.name = ${job} and j.project = any ($2))`;

const findRun = find(
  "run",
  `false as shared from millrace.run r where r.id = $1::uuid and ${OF_JOB("r.job")}`,
);

/** Of each kind how to find out whether one is there for callers of some projects. A queue may be shared by all. */
export const FIND_WITHIN: Readonly<Record<ObjectKind, FindWithin>> = {
  run: findRun,
  deadLetter: find(
    "dead_letter",
    `false as shared from millrace.dead_letter d where d.run_id = $1::uuid and ${OF_JOB("d.job")}`,
  ),
  job: find("job", `false as shared from millrace.job where name = $1 and project = any ($2)`),
  queue: find(
    "queue",
    `project is null as shared from millrace.queue where name = $1 and (project is null or project = any ($2))`,
  ),
  schedule: find(
    "schedule",
    `false as shared from millrace.schedule s where s.name = $1 and ${OF_JOB("s.job")}`,
  ),
  operation: find(
    "operation",
    `false as shared from millrace.operation where id = $1::bigint and projects <@ $2`,
  ),
  secret: find(
    "secret",
    `false as shared from millrace.secret where name = $1 and project = any ($2)`,
  ),
  endpoint: find(
    "webhook_endpoint",
    `false as shared from millrace.webhook_endpoint where name = $1 and project = any ($2)`,
  ),
  subscription: find(
    "webhook_subscription",
    `false as shared from millrace.webhook_subscription where name = $1 and project = any ($2)`,
  ),
  delivery: find(
    "webhook_delivery",
    `false as shared from millrace.webhook_delivery d join millrace.webhook_subscription s on s.name = d.subscription
     where d.id = $1::uuid and s.project = any ($2)`,
  ),
  alert: find(
    "alert",
    `false as shared from millrace.alert where id = $1::uuid and project = any ($2)`,
  ),
  alertRule: find(
    "alert_rule",
    `false as shared from millrace.alert_rule where name = $1 and project = any ($2)`,
  ),
  alertSilence: find(
    "alert_silence",
    `false as shared from millrace.alert_silence where id = $1::uuid and project = any ($2)`,
  ),
  alertTarget: find(
    "alert_target",
    `false as shared from millrace.alert_target where name = $1 and project = any ($2)`,
  ),
  worker: find(
    "worker",
    `false as shared from millrace.worker where id = $1::int and project = any ($2)`,
  ),
  key: find("api_key", `false as shared from millrace.api_key where id = $1 and projects <@ $2`),
};

/** Of these jobs, those of some projects, each with its own. Those that are not there are not answered. */
export const projectsOfJobs = statement<
  [jobs: readonly string[], projects: Projects],
  { name: string; project: string }
>(
  "projects_of_jobs",
  `select name, project from millrace.job where name = any ($1) and ${within("project", "$2")}`,
);

/** The same of queues; of one that is shared by all it is null. */
export const projectsOfQueues = statement<
  [queues: readonly string[]],
  { name: string; project: string | null }
>("projects_of_queues", `select name, project from millrace.queue where name = any ($1)`);

/** Null for a run that is not there, or whose job is not. */
export const projectOfRun = statement<[run: string], { project: string | null }>(
  "project_of_run",
  `select millrace.project_of_run($1) as project`,
);
