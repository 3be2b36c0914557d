import type { Projects, Role } from "@millrace/core";
import { statement } from "./statement.ts";

export interface ApiKeyRow {
  id: string;
  name: string;
  role: Role;
  projects: Projects;
  created_at: Date;
  created_by: string;
  expires_at: Date | null;
  revoked_at: Date | null;
  successor: string | null;
  last_used_at: Date | null;
  /** Neither revoked nor over, by the database's clock. */
  valid: boolean;
}

const COLUMNS = `id, name, role, projects, created_at, created_by, expires_at, revoked_at, successor, last_used_at,
  revoked_at is null and (expires_at is null or expires_at > clock_timestamp()) as valid`;

export const insertApiKey = statement<
  [
    id: string,
    name: string,
    role: Role,
    digest: Buffer,
    by: string,
    lifetimeMs: number | null,
    projects: Projects,
  ],
  ApiKeyRow
>(
  "insert_api_key",
  `insert into millrace.api_key (id, name, role, digest, created_by, lifetime, expires_at, projects)
   select $1, $2, $3, $4, $5, l.lifetime, clock_timestamp() + l.lifetime, $7::text[]
   from (select $6::float8 * interval '1 millisecond' as lifetime) l
   returning ${COLUMNS}`,
);

/** Makes a key that takes the place of a valid one, which is valid for so long still. Answers no row when there is none such. */
export const replaceApiKey = statement<
  [old: string, id: string, digest: Buffer, by: string, overlapMs: number],
  ApiKeyRow
>(
  "replace_api_key",
  `with old as materialized (
      select * from millrace.api_key
      where id = $1 and revoked_at is null and successor is null and (expires_at is null or expires_at > clock_timestamp())
      for no key update
    ),
    made as (
      insert into millrace.api_key (id, name, role, digest, created_by, lifetime, expires_at, projects)
      select $2, name, role, $3, $4, lifetime, clock_timestamp() + lifetime, projects from old
      returning ${COLUMNS}
    ),
    replaced as (
      update millrace.api_key k
      set successor = m.id, expires_at = least(k.expires_at, clock_timestamp() + $5::float8 * interval '1 millisecond')
      from made m where k.id = $1
    )
    select * from made`,
);

export const revokeApiKey = statement<[id: string, by: string], ApiKeyRow>(
  "revoke_api_key",
  `update millrace.api_key
   set revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, $2)
   where id = $1 returning ${COLUMNS}`,
);

/** Newest first; of these projects alone, unless they are null. Keys are few: as many as somebody has made by hand. */
export const listApiKeys = statement<[projects: Projects], ApiKeyRow>(
  "list_api_keys",
  `select ${COLUMNS} from millrace.api_key where $1::text[] is null or projects <@ $1 order by created_at desc, id limit 1000`,
);

/** Of these keys, all that there are, with what is kept of their secrets. */
export const readApiKeys = statement<[ids: string[]], ApiKeyRow & { digest: Buffer }>(
  "read_api_keys",
  `select ${COLUMNS}, digest from millrace.api_key where id = any ($1)`,
);

export const noteApiKeysUsed = statement<[ids: string[]], never>(
  "note_api_keys_used",
  `update millrace.api_key set last_used_at = clock_timestamp()
   where id = any ($1) and (last_used_at is null or last_used_at < clock_timestamp() - interval '50 seconds')`,
);
