import { statement } from "./statement.ts";

export interface ProjectRow {
  name: string;
  created_at: Date;
  created_by: string;
  jobs: number;
  queues: number;
  secrets: number;
  webhooks: number;
}

const COLUMNS = `p.name, p.created_at, p.created_by,
    (select count(*)::int from millrace.job where project = p.name) as jobs,
    (select count(*)::int from millrace.queue where project = p.name) as queues,
    (select count(*)::int from millrace.secret where project = p.name) as secrets,
    (select count(*)::int from millrace.webhook_endpoint where project = p.name)
      + (select count(*)::int from millrace.webhook_subscription where project = p.name) as webhooks`;

/** Those are few, and so is what is counted: as much as somebody has made by hand, or written as code. */
export const listProjects = statement<[projects: readonly string[] | null], ProjectRow>(
  "list_projects",
  `select ${COLUMNS} from millrace.project p where $1::text[] is null or p.name = any ($1) order by p.name limit 10000`,
);

/** Answers no row when there is one of that name. */
export const insertProject = statement<[name: string, by: string], { name: string }>(
  "insert_project",
  `insert into millrace.project (name, created_by) values ($1, $2) on conflict do nothing returning name`,
);

/** So that nothing comes to it, or goes, until the transaction ends. */
export const lockProject = statement<[name: string], { name: string }>(
  "lock_project",
  `select name from millrace.project where name = $1 for update`,
);

/** For who puts something into it: that it does not go meanwhile, the reference to it sees to. */
export const readProject = statement<[name: string], { name: string }>(
  "read_project",
  `select name from millrace.project where name = $1`,
);

export const deleteProject = statement<[name: string], { name: string }>(
  "delete_project",
  `delete from millrace.project where name = $1 returning name`,
);

/** Of these names, those of which there is no project. */
export const missingProjects = statement<[names: readonly string[]], { name: string }>(
  "missing_projects",
  `select n.name from unnest($1::text[]) n(name)
   where not exists (select from millrace.project p where p.name = n.name) order by n.name`,
);

/** Keys that work, and people who may log in, that are confined to a project, among others. */
export const countConfined = statement<[project: string], { keys: number; people: number }>(
  "count_confined",
  `select
     (select count(*)::int from millrace.api_key where $1 = any (projects) and revoked_at is null
       and (expires_at is null or expires_at > clock_timestamp())) as keys,
     (select count(*)::int from millrace.person where $1 = any (projects) and disabled_at is null) as people`,
);

/**
 * With what is made for them: the webhooks that start a job or tell of its runs, the secrets under which those are signed, and what is made up for of
 * their schedules.
 */
export const moveJobs = statement<[jobs: readonly string[], project: string], { name: string }>(
  "move_jobs",
  `with endpoint as (
     update millrace.webhook_endpoint set project = $2 where job = any ($1) and project <> $2
   ),
   subscription as (
     update millrace.webhook_subscription set project = $2 where job = any ($1) and project <> $2
     returning secret, older_secrets
   ),
   secret as (
     update millrace.secret s set project = $2 from subscription t
     where s.name = t.secret or s.name in (select o.item ->> 'name' from jsonb_array_elements(t.older_secrets) o(item))
   ),
   backfill as (
     update millrace.operation o set projects = array[$2] from millrace.schedule s
     where s.job = any ($1) and o.kind = 'backfill' and o.state in ('running', 'paused') and o.projects is not null
       and o.filter ->> 'schedule' = s.name
   )
   update millrace.job set project = $2 where name = any ($1) returning name`,
);

export const moveQueues = statement<[queues: readonly string[], project: string], { name: string }>(
  "move_queues",
  `update millrace.queue set project = $2 where name = any ($1) and project is not null returning name`,
);

export const moveSecrets = statement<
  [secrets: readonly string[], project: string],
  { name: string }
>("move_secrets", `update millrace.secret set project = $2 where name = any ($1) returning name`);

/** What belongs together and is of different projects now: a job and the queue that it names, an endpoint and its secrets. */
export const tornApart = statement<[], { what: string; needs: string }>(
  "torn_apart",
  `select 'job ' || j.name as what, 'queue ' || q.name as needs
   from millrace.job j join millrace.queue q on q.name = j.queue where q.project <> j.project
   union all
   select 'endpoint ' || e.name, 'secret ' || s.name
   from millrace.webhook_endpoint e cross join lateral jsonb_array_elements(e.secrets) g(item)
   join millrace.secret s on s.name = g.item ->> 'name' where s.project <> e.project
   order by 1, 2 limit 10`,
);

/** Of what code is about to register, what belongs to other projects than that of whoever registers it. */
export const ownedByOthers = statement<
  [
    project: string,
    jobs: readonly string[],
    queues: readonly string[],
    schedules: readonly string[],
  ],
  { what: string; project: string }
>(
  "owned_by_others",
  `select 'job ' || name as what, project from millrace.job where name = any ($2) and project <> $1
   union all
   select 'queue ' || name, project from millrace.queue where name = any ($3) and project <> $1
   union all
   select 'schedule ' || s.name, j.project from millrace.schedule s join millrace.job j on j.name = s.job
   where s.name = any ($4) and j.project <> $1
   union all
   -- Of one that was removed the ledger stays, and would be shown with that of a new one.
   select 'schedule ' || n.name, j.project
   from unnest($4::text[]) n(name)
   cross join lateral (
     select run_id from millrace.occurrence where schedule = n.name and run_id is not null order by nominal desc limit 1
   ) o
   cross join lateral (select job from millrace.run where id = o.run_id limit 1) r
   join millrace.job j on j.name = r.job
   where j.project <> $1 and not exists (select from millrace.schedule s where s.name = n.name)
   order by 1 limit 10`,
);
