import { DEFAULT_PROJECT, type Projects } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface SecretRow {
  name: string;
  project: string;
  version: number;
  /** Null for all. */
  jobs: string[] | null;
  /** The hosts that it is sent to alone; null where a handler gets it as text. */
  hosts: string[] | null;
  source: string | null;
  key_id: string | null;
  /** When it stops working at the other side, as somebody has said. */
  expires_at: Date | null;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  changed_by: string;
}

const COLUMNS = `name, project, version, jobs, hosts, source, key_id, expires_at, created_at, created_by, changed_at, changed_by`;

/** Until the transaction ends: two servers must not each make a first key, or the same version. */
export const lockSecrets = statement<[], object>(
  "lock_secrets",
  `select pg_advisory_xact_lock(hashtextextended('millrace secrets', 0))`,
);

export const readSecret = statement<[name: string], SecretRow>(
  "read_secret",
  `select ${COLUMNS} from millrace.secret where name = $1`,
);

/** Those are few: as many as somebody has set by hand. Of these projects; null for all. */
export const listSecrets = statement<[projects: Projects], SecretRow>(
  "list_secrets",
  `select ${COLUMNS} from millrace.secret where ${within("project", "$1")} order by name limit 10000`,
);

/** One that is there stays in its project. By its parameters and not by `excluded`, which would take the right to read what is sealed. */
export const putSecret = statement<
  [
    name: string,
    version: number,
    jobs: string[] | null,
    hosts: string[] | null,
    source: string | null,
    wrappedKey: Buffer | null,
    sealed: Buffer | null,
    by: string,
    project: string,
    expiresAt: Date | null,
  ],
  SecretRow
>(
  "put_secret",
  `insert into millrace.secret (name, version, jobs, hosts, source, wrapped_key, sealed, created_by, changed_by, project, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)
   on conflict (name) do update
   set version = $2, jobs = $3, hosts = $4, source = $5, wrapped_key = $6, sealed = $7, expires_at = $10, changed_at = clock_timestamp(), changed_by = $8
   returning ${COLUMNS}`,
);

export const deleteSecret = statement<[name: string], SecretRow>(
  "delete_secret",
  `delete from millrace.secret where name = $1 returning ${COLUMNS}`,
);

/** Secrets that jobs of living workers declare and do not get, with those jobs: there is none of that name in their project, or it is bound to others. 100 at the most. */
export const listUnmetSecrets = statement<[], { secret: string; jobs: string[]; there: boolean }>(
  "list_unmet_secrets",
  `select wanted.secret, array_agg(j.name order by j.name) as jobs, bool_or(s.name is not null) as there
   from (
     select distinct unnest(w.jobs) as job from millrace.worker w where w.state in ('active', 'draining')
   ) living
   join millrace.job j on j.name = living.job
   cross join lateral unnest(j.secrets) wanted(secret)
   left join millrace.secret s on s.name = wanted.secret and s.project = j.project
   where s.name is null or not (s.jobs is null or j.name = any (s.jobs))
   group by wanted.secret order by wanted.secret limit 100`,
);

/** Those whose time is over, as somebody has said, longest first; 100 at the most. */
export const listExpiredSecrets = statement<[], { name: string; expires_at: Date }>(
  "list_expired_secrets",
  `select name, expires_at from millrace.secret where expires_at < clock_timestamp() order by expires_at limit 100`,
);

/** The keys that secrets are under. */
export const secretKeyIds = statement<[], { key_id: string }>(
  "secret_key_ids",
  `select distinct key_id from millrace.secret where key_id is not null order by key_id`,
);

export interface JobSecretRow {
  name: string;
  version: number;
  bound: boolean;
  hosts: string[] | null;
  /** Of one that is not bound, none of the following is told. */
  source: string | null;
  wrapped_key: Buffer | null;
  sealed: Buffer | null;
}

/**
 * Of these secrets, those that there are in the project of the job. What nobody has registered is of the first project, but for what is bound to it by
 * its name, as to the sender of webhooks.
 */
export const readJobSecrets = statement<[job: string, names: readonly string[]], JobSecretRow>(
  "read_job_secrets",
  `select s.name, s.version, b.bound, s.hosts,
     case when b.bound then s.source end as source,
     case when b.bound then s.wrapped_key end as wrapped_key,
     case when b.bound then s.sealed end as sealed
   from millrace.secret s, lateral (select s.jobs is null or $1 = any (s.jobs) as bound) b
   left join millrace.job j on j.name = $1
   where s.name = any ($2) and (s.project = coalesce(j.project, '${DEFAULT_PROJECT}') or j.name is null and $1 = any (s.jobs))`,
);

/** Those under which may be signed for an endpoint, by its name. */
export const endpointSecrets = statement<[endpoint: string], JobSecretRow>(
  "endpoint_secrets",
  `select name, version, bound, hosts, source, wrapped_key, sealed from millrace.endpoint_secrets($1)`,
);

/** Of these secrets, those of subscriptions. */
export const sendingSecrets = statement<[names: readonly string[]], JobSecretRow>(
  "sending_secrets",
  `select name, version, bound, hosts, source, wrapped_key, sealed from millrace.sending_secrets($1)`,
);

export interface WrappedRow {
  name: string;
  version: number;
  wrapped_key: Buffer;
}

/** The next that are under another key than this, in the order of their names. Those that somebody sets right now are passed over. */
export const lockUnderOtherKeys = statement<
  [keyId: string, after: string, limit: number],
  WrappedRow
>(
  "lock_secrets_under_other_keys",
  `select name, version, wrapped_key from millrace.secret
   where key_id <> $1 and name > $2 order by name limit $3
   for no key update skip locked`,
);

export const keepRewrapped = statement<[names: string[], wrappedKeys: Buffer[]], never>(
  "keep_rewrapped_secrets",
  `update millrace.secret s set wrapped_key = r.wrapped_key
   from unnest($1::text[], $2::bytea[]) r (name, wrapped_key) where s.name = r.name`,
);
