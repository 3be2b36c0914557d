import type { Projects, Role } from "@millrace/core";
import { statement } from "./statement.ts";

/** A session that nobody uses for so long ends. */
const IDLE = `interval '8 hours'`;

/** Of one person; the oldest end when there are more. */
const MOST = 20;

/** How a session began. */
export type BeganBy = "password" | "sign-on";

/** Answers no row when the person may not log in any more. */
export const beginSession = statement<
  [
    person: string,
    digest: Buffer,
    by: BeganBy,
    lifetimeMs: number,
    address: string,
    agent: string,
    ended: Buffer | null,
  ],
  { email: string; name: string | null; role: Role; projects: Projects; ends_at: Date }
>(
  "begin_session",
  `with person as (
      update millrace.person set logged_in_at = clock_timestamp() where id = $1 and disabled_at is null returning *
    ),
    ended as (
      delete from millrace.session
      where digest = $7 or (person_id = $1 and digest not in
        (select digest from millrace.session where person_id = $1 order by created_at desc limit ${MOST - 1}))
    ),
    begun as (
      insert into millrace.session (digest, person_id, began_by, ends_at, address, agent)
      select $2, id, $3, clock_timestamp() + $4::float8 * interval '1 millisecond', $5, $6 from person
      returning ends_at
    )
    select email, name, role, projects, ends_at from person, begun`,
);

export interface SessionRow {
  digest: Buffer;
  email: string;
  name: string | null;
  role: Role;
  projects: Projects;
  began_by: BeganBy;
  created_at: Date;
  ends_at: Date;
  has_password: boolean;
}

/** Of these sessions, those that stand. */
export const readSessions = statement<[digests: Buffer[]], SessionRow>(
  "read_sessions",
  `select s.digest, p.email, p.name, p.role, p.projects, s.began_by, s.created_at, s.ends_at, p.password is not null as has_password
   from millrace.session s join millrace.person p on p.id = s.person_id
   where s.digest = any ($1) and s.ends_at > clock_timestamp() and s.seen_at > clock_timestamp() - ${IDLE} and p.disabled_at is null`,
);

export const noteSessionSeen = statement<[digest: Buffer], never>(
  "note_session_seen",
  `update millrace.session set seen_at = clock_timestamp()
   where digest = $1 and seen_at < clock_timestamp() - interval '50 seconds'`,
);

export const endSession = statement<[digest: Buffer], never>(
  "end_session",
  `delete from millrace.session where digest = $1`,
);

/** All of a person. */
export const endSessions = statement<[person: string], never>(
  "end_sessions",
  `delete from millrace.session where person_id = $1`,
);

/** Forgets sessions that are over. */
export const pruneSessions = statement<[limit: number], { pruned: number }>(
  "prune_sessions",
  `with over as (
      select digest from millrace.session where ends_at < clock_timestamp() or seen_at < clock_timestamp() - ${IDLE}
      limit $1 for update skip locked
    ),
    gone as (delete from millrace.session s using over o where s.digest = o.digest returning 1)
    select count(*)::integer as pruned from gone`,
);
