import type { Projects, Role } from "@millrace/core";
import { statement } from "./statement.ts";

export interface PersonRow {
  id: string;
  email: string;
  name: string | null;
  role: Role;
  role_from: "hand" | "claim";
  projects: Projects;
  has_password: boolean;
  has_sign_on: boolean;
  has_second_factor: boolean;
  /** Until when the code works by which a password may be set; null when there is none, or its time is over. */
  setup_until: Date | null;
  created_at: Date;
  created_by: string;
  logged_in_at: Date | null;
  disabled_at: Date | null;
}

const COLUMNS = `id, email, name, role, role_from, projects, password is not null as has_password, subject is not null as has_sign_on,
  exists (select from millrace.second_factor where person_id = id) as has_second_factor,
  case when setup_until > clock_timestamp() then setup_until end as setup_until, created_at, created_by, logged_in_at, disabled_at`;

/** Answers no row when somebody has that address. */
export const insertPerson = statement<
  [
    email: string,
    name: string | null,
    role: Role,
    by: string,
    setupDigest: Buffer,
    setupMs: number,
    projects: Projects,
  ],
  PersonRow
>(
  "insert_person",
  `insert into millrace.person (email, name, role, created_by, changed_by, setup_digest, setup_until, projects)
   values ($1, $2, $3, $4, $4, $5, clock_timestamp() + $6::float8 * interval '1 millisecond', $7::text[])
   on conflict (email) do nothing
   returning ${COLUMNS}`,
);

/** People are few: as many as somebody has added, or signed on. */
export const listPeople = statement<[], PersonRow>(
  "list_people",
  `select ${COLUMNS} from millrace.person order by email limit 10000`,
);

/** Until the transaction ends. */
export const lockPerson = statement<[email: string], PersonRow>(
  "lock_person",
  `select ${COLUMNS} from millrace.person where email = $1 for no key update`,
);

export const setPersonRole = statement<
  [id: string, role: Role, by: string, projects: Projects],
  PersonRow
>(
  "set_person_role",
  `update millrace.person set role = $2, role_from = 'hand', projects = $4::text[], changed_at = clock_timestamp(), changed_by = $3
   where id = $1 returning ${COLUMNS}`,
);

export const setPersonProjects = statement<[id: string, projects: Projects, by: string], PersonRow>(
  "set_person_projects",
  `update millrace.person set projects = $2::text[], changed_at = clock_timestamp(), changed_by = $3
   where id = $1 returning ${COLUMNS}`,
);

/** Takes the code for a password away, too. */
export const disablePerson = statement<[id: string, by: string], PersonRow>(
  "disable_person",
  `update millrace.person
   set disabled_at = coalesce(disabled_at, clock_timestamp()), disabled_by = coalesce(disabled_by, $2), setup_digest = null,
     setup_until = null, changed_at = clock_timestamp(), changed_by = $2
   where id = $1 returning ${COLUMNS}`,
);

export const enablePerson = statement<[id: string, by: string], PersonRow>(
  "enable_person",
  `update millrace.person set disabled_at = null, disabled_by = null, changed_at = clock_timestamp(), changed_by = $2
   where id = $1 returning ${COLUMNS}`,
);

/** Takes the password away, and gives a code by which another may be set. */
export const resetPerson = statement<
  [id: string, digest: Buffer, lifetimeMs: number, by: string],
  PersonRow
>(
  "reset_person",
  `update millrace.person
   set password = null, setup_digest = $2, setup_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
     changed_at = clock_timestamp(), changed_by = $4
   where id = $1 returning ${COLUMNS}`,
);

/** Whose password this code may set. */
export const readSetup = statement<[digest: Buffer], { email: string }>(
  "read_setup",
  `select email from millrace.person
   where setup_digest = $1 and setup_until > clock_timestamp() and disabled_at is null`,
);

/** Answers no row when the code does not work any more. */
export const spendSetup = statement<
  [digest: Buffer, password: string],
  { id: string; email: string }
>(
  "spend_setup",
  `update millrace.person
   set password = $2, setup_digest = null, setup_until = null, changed_at = clock_timestamp(), changed_by = 'person:' || email
   where setup_digest = $1 and setup_until > clock_timestamp() and disabled_at is null
   returning id, email`,
);

/** Whose password is asked for at a login: of those who may. */
export const readPassword = statement<[email: string], { id: string; password: string }>(
  "read_password",
  `select id, password from millrace.person where email = $1 and disabled_at is null and password is not null and role_from = 'hand'`,
);

/** Answers no row when it is another by now. */
export const changePassword = statement<
  [id: string, old: string, password: string],
  { id: string }
>(
  "change_password",
  `update millrace.person set password = $3, changed_at = clock_timestamp(), changed_by = 'person:' || email
   where id = $1 and password = $2 and disabled_at is null returning id`,
);

/** The admins who can log in: what is left when one goes. */
export const countAdmins = statement<[], { admins: number }>(
  "count_admins",
  `select count(*)::integer as admins from millrace.person
   where role = 'admin' and projects is null and disabled_at is null and (password is not null or subject is not null)`,
);

/** Of this subject, or else of this address: the first comes first. */
export const lockSignedOn = statement<
  [issuer: string, subject: string, email: string],
  PersonRow & { issuer: string | null; subject: string | null }
>(
  "lock_signed_on",
  `select ${COLUMNS}, issuer, subject from millrace.person
   where (issuer = $1 and subject = $2) or email = $3
   order by (issuer = $1 and subject = $2) is true desc
   for no key update`,
);

/** Answers no row when somebody has that address, or is that subject. */
export const insertSignedOn = statement<
  [email: string, name: string | null, role: Role, issuer: string, subject: string],
  { id: string }
>(
  "insert_signed_on",
  `insert into millrace.person (email, name, role, role_from, created_by, changed_by, issuer, subject)
   values ($1, $2, $3, 'claim', 'person:' || $1, 'person:' || $1, $4, $5)
   on conflict do nothing
   returning id`,
);

/** Binds a person to the subject that has proved the address. */
export const bindSubject = statement<[id: string, issuer: string, subject: string], never>(
  "bind_subject",
  `update millrace.person set issuer = $2, subject = $3, changed_at = clock_timestamp(), changed_by = 'person:' || email
   where id = $1`,
);

export const setClaimedRole = statement<[id: string, role: Role], never>(
  "set_claimed_role",
  `update millrace.person set role = $2, changed_at = clock_timestamp(), changed_by = 'person:' || email where id = $1`,
);
