import type { PersonRole } from "@millrace/core";
import { statement } from "./statement.ts";

/** Somebody who has a password, and what they log in by besides. */
export interface ProvablePerson {
  id: string;
  email: string;
  role: PersonRole;
  password: string;
  /** Null for who has no second factor. */
  wrapped_key: Buffer | null;
  sealed: Buffer | null;
  /** Of the recovery codes. */
  codes_left: number | null;
}

/** Answers no row for who may not log in by a password. */
export const readProvable = statement<[person: string], ProvablePerson>(
  "read_provable",
  `select p.id, p.email, p.role, p.password, f.wrapped_key, f.sealed, cardinality(f.recovery) as codes_left
   from millrace.person p left join millrace.second_factor f on f.person_id = p.id
   where p.id = $1 and p.disabled_at is null and p.password is not null and p.role_from = 'hand'`,
);

/** Who has this session: of those who log in by a password. */
export const personOfSession = statement<[digest: Buffer], { person_id: string }>(
  "person_of_session",
  `select person_id from millrace.session where digest = $1 and ends_at > clock_timestamp() and began_by = 'password'`,
);

/** Spends a code. Answers no row when it, or a later one, was spent before. */
export const spendStep = statement<[person: string, step: number], { person_id: string }>(
  "spend_step",
  `update millrace.second_factor set last_step = $2 where person_id = $1 and last_step < $2 returning person_id`,
);

/** Spends a recovery code. Answers no row when there is none like it. */
export const spendRecovery = statement<[person: string, digest: Buffer], { left: number }>(
  "spend_recovery",
  `update millrace.second_factor set recovery = array_remove(recovery, $2)
   where person_id = $1 and $2 = any (recovery) returning cardinality(recovery) as left`,
);

/** In place of the one whose sealed secret this is. Answers no row when there is another. */
export const putSecondFactor = statement<
  [
    person: string,
    wrappedKey: Buffer,
    sealed: Buffer,
    step: number,
    recovery: Buffer[],
    replaced: Buffer | null,
  ],
  { person_id: string }
>(
  "put_second_factor",
  `insert into millrace.second_factor as f (person_id, wrapped_key, sealed, last_step, recovery)
   values ($1, $2, $3, $4, $5)
   on conflict (person_id) do update
   set wrapped_key = $2, sealed = $3, last_step = $4, recovery = $5, created_at = clock_timestamp()
   where sha256(f.sealed) = $6 returning person_id`,
);

export const deleteSecondFactor = statement<[person: string], { person_id: string }>(
  "delete_second_factor",
  `delete from millrace.second_factor where person_id = $1 returning person_id`,
);

/** The keys that second factors are under. */
export const factorKeyIds = statement<[], { key_id: string }>(
  "factor_key_ids",
  `select distinct key_id from millrace.second_factor order by key_id`,
);

export interface WrappedFactor {
  person_id: string;
  wrapped_key: Buffer;
}

/** The next that are under another key than this, in the order of their people. Those that somebody sets right now are passed over. */
export const lockFactorsUnderOtherKeys = statement<
  [keyId: string, after: string, limit: number],
  WrappedFactor
>(
  "lock_factors_under_other_keys",
  `select person_id, wrapped_key from millrace.second_factor
   where key_id <> $1 and person_id > $2::uuid order by person_id limit $3
   for no key update skip locked`,
);

export const keepRewrappedFactors = statement<[people: string[], wrappedKeys: Buffer[]], never>(
  "keep_rewrapped_factors",
  `update millrace.second_factor f set wrapped_key = r.wrapped_key
   from unnest($1::uuid[], $2::bytea[]) r (person_id, wrapped_key) where f.person_id = r.person_id`,
);
