import type pg from "pg";

/**
 * What attempts wrote, as the database itself saw it: triggers note every claim, every end of a lease and every write of
 * an attempt, in one order. So a write that came after its attempt was superseded is seen whatever the code
 * under test believes, and also when it left no trace that a later look could find.
 *
 * A write's author is the process id at the end of its session's application name; an attempt's is the one at the end of
 * its worker's name. Progress has no attempt: its message says `attempt N`.
 */
export async function installWitness(db: pg.Pool): Promise<void> {
  await db.query(WITNESS);
}

/** A write by an attempt that had no lease any more, or never had one. */
export interface SupersededWrite {
  what: string;
  run: string;
  attempt: number;
  pid: number;
}

export async function supersededWrites(db: pg.Pool): Promise<SupersededWrite[]> {
  const { rows } = await db.query<SupersededWrite>(`
    select w.what, w.run, w.attempt, w.pid from witness.wrote w
    where w.pid is not null and not exists (
      select from witness.held h join millrace.worker k on k.id = h.worker
      where h.run = w.run and h.attempt = w.attempt and split_part(k.name, ':', 2)::int = w.pid and h.seq < w.seq
        and (h.ended_seq is null or h.ended_seq > w.seq or h.ended_xid = w.xid))
    order by w.seq`);
  return rows;
}

/** How many writes of attempts were seen: a witness that saw none proves nothing. */
export async function witnessedWrites(db: pg.Pool): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    "select count(*)::int as n from witness.wrote where pid is not null",
  );
  return rows[0]!.n;
}

/** Runs that got an outcome more than once. */
export async function doubledOutcomes(db: pg.Pool): Promise<string[]> {
  const { rows } = await db.query<{ run: string }>(
    "select run from witness.wrote where what = 'outcome' group by run having count(*) > 1",
  );
  return rows.map(({ run }) => run);
}

const WITNESS = `
  create schema witness;
  create sequence witness.seq;
  create table witness.held (
    seq bigint not null, lease bigint not null, worker integer not null, run uuid not null, attempt integer not null,
    ended_seq bigint, ended_xid xid8
  );
  create index on witness.held (run);
  create index on witness.held (lease);
  create table witness.wrote (
    seq bigint not null default nextval('witness.seq'), xid xid8 not null default pg_current_xact_id(),
    pid integer default substring(current_setting('application_name') from '^millrace worker (\\d+)$')::integer,
    what text not null, run uuid not null, attempt integer
  );
  create index on witness.wrote (run);

  create function witness.lease() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      insert into witness.held (seq, lease, worker, run, attempt)
      select nextval('witness.seq'), new.id, new.worker_id, r.id, r.attempts + 1
      from unnest(new.run_ids) u(run) join millrace.run r on r.id = u.run;
    else
      update witness.held set ended_seq = nextval('witness.seq'), ended_xid = pg_current_xact_id()
      where lease = old.id and ended_seq is null and (tg_op = 'DELETE' or run <> all (new.run_ids));
    end if;
    return null;
  end $$;
  create trigger witness after insert or update or delete on millrace.lease for each row execute function witness.lease();

  create function witness.run() returns trigger language plpgsql as $$
  begin
    if new.state is not null and new.state is distinct from old.state then
      insert into witness.wrote (what, run, attempt) values ('outcome', new.id, new.attempts);
    elsif new.attempts <> old.attempts then
      insert into witness.wrote (what, run, attempt) values ('end of an attempt', new.id, new.attempts);
    end if;
    return null;
  end $$;
  create trigger witness after update on millrace.run for each row execute function witness.run();

  create function witness.row() returns trigger language plpgsql as $$
  begin
    insert into witness.wrote (what, run, attempt) values (tg_argv[0], new.run_id, case tg_argv[0]
      when 'step' then (to_jsonb(new) ->> 'attempt')::integer
      when 'log line' then (to_jsonb(new) ->> 'attempt')::integer
      when 'attempt' then (to_jsonb(new) ->> 'number')::integer
      else substring(to_jsonb(new) ->> 'message' from '^attempt (\\d+)$')::integer end);
    return null;
  end $$;
  create trigger witness after insert on millrace.log for each row execute function witness.row('log line');
  create trigger witness after insert on millrace.step for each row execute function witness.row('step');
  create trigger witness after insert on millrace.attempt for each row execute function witness.row('attempt');
  create trigger witness after insert or update on millrace.progress for each row execute function witness.row('progress');
`;
