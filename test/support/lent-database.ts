import type pg from "pg";
import { onTestFinished } from "vitest";
import { type Database, openDatabase } from "millrace";
import { type TestDatabase, createDatabase } from "./database.ts";

const APPLICATION = "millrace test";

/** A database that is as one that was just made, and the sessions that a test has in it. */
export interface LentDatabase {
  url: string;
  db: Database;
}

/** Where the tests of a process go one after the other: to make a database, and sessions in it, takes longer than most tests do. */
class Reused implements LentDatabase {
  readonly url: string;
  readonly db: Database;
  readonly #drop: TestDatabase["drop"];
  #emptying!: string;
  #newborn!: string;

  static async make(): Promise<Reused> {
    const reused = new Reused(await createDatabase());
    const [{ emptying }] = await rowsOf(reused.db, EMPTYING);
    reused.#emptying = emptying as string;
    reused.#newborn = await reused.#look();
    return reused;
  }

  private constructor({ url, drop }: TestDatabase) {
    this.url = url;
    this.#drop = drop;
    this.db = openDatabase({
      connection: () => ({ connectionString: url }),
      applicationName: APPLICATION,
      maxConnections: 6,
    });
  }

  /** @returns whether it is again as it was when it was made */
  async restore(): Promise<boolean> {
    const { totalCount, idleCount, waitingCount, ended } = this.db;
    if (ended || idleCount < totalCount || waitingCount > 0) return false;
    try {
      await this.db.query(this.#emptying);
      return (await this.#look()) === this.#newborn;
    } catch {
      return false;
    }
  }

  async end(): Promise<void> {
    if (!this.db.ended) await this.db.end();
    await this.#drop();
  }

  /** What a test may have changed besides rows, and the rows that there are from the first. */
  async #look(): Promise<string> {
    const [{ look }] = await rowsOf(this.db, LOOK);
    return look as string;
  }
}

const OTHERS = `datname = current_database() and pid <> pg_backend_pid() and application_name <> '${APPLICATION}'`;

/**
 * SQL that makes SQL: which lets the sessions of others end (those that are closed take some milliseconds, and one that is ended by the server instead throws
 * where nobody listens any more), then ends them, drops tables that tests have made beside ours, deletes all rows but those that migrations
 * made, and sets sequences back.
 */
const EMPTYING = `
  select format($sql$
      begin;
      set local lock_timeout = '3s';
      set local session_replication_role = replica;
      do $do$ begin
        for look in 1..50 loop
          exit when not exists (select from pg_stat_activity where ${OTHERS});
          perform pg_sleep(0.01), pg_stat_clear_snapshot();
        end loop;
      end $do$;
      select pg_terminate_backend(pid, 3000) from pg_stat_activity where ${OTHERS};
      do $do$ declare made text;
      begin
        for made in select c.oid::regclass from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') loop
          execute 'drop table if exists ' || made || ' cascade';
        end loop;
      end $do$;
      %s;
      delete from millrace.project where name <> 'default';
      update millrace.audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex') where seq > 0;
      %s;
      commit$sql$,
    (select string_agg(format('delete from only millrace.%I', relname), '; ') from pg_class
     where relnamespace = 'millrace'::regnamespace and relkind = 'r'
       and relname not in ('migration', 'installation', 'link_secret', 'audit_head', 'project')),
    (select string_agg(format('select setval(%L, %s, false)', seqrelid::regclass, seqstart), '; ') from pg_sequence s
     join pg_class c on c.oid = s.seqrelid where c.relnamespace = 'millrace'::regnamespace)
  ) as emptying`;

const LOOK = `
  select md5(concat_ws('|',
    (select string_agg(concat_ws(' ', oid, relname, relkind), ',' order by oid) from pg_class where oid >= 16384),
    (select string_agg(concat_ws(' ', attrelid, attnum, xmin), ',' order by attrelid, attnum) from pg_attribute where attrelid >= 16384),
    (select string_agg(concat_ws(' ', oid, xmin), ',' order by oid) from pg_proc where oid >= 16384),
    (select string_agg(concat_ws(' ', oid, xmin, tgenabled), ',' order by oid) from pg_trigger),
    (select string_agg(concat_ws(' ', oid, xmin), ',' order by oid) from pg_constraint where oid >= 16384),
    (select string_agg(concat_ws(' ', oid, nspname), ',' order by oid) from pg_namespace where nspname !~ '^pg_(toast_)?temp_'),
    (select string_agg(s::text, ',') from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where d.datname = current_database()),
    (select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())),
    (select string_agg(t::text, ',' order by t::text) from millrace.migration t),
    (select string_agg(t::text, ',' order by t::text) from millrace.installation t),
    (select string_agg(t::text, ',' order by t::text) from millrace.link_secret t),
    (select string_agg(t::text, ',' order by t::text) from millrace.project t),
    (select string_agg(t::text, ',' order by t::text) from millrace.audit_head t))) as look`;

async function rowsOf(db: Database, sql: string) {
  const { rows } = await db.query<pg.QueryResultRow>(sql);
  return rows as [Record<string, unknown>];
}

/** Left to who sweeps at the end of the run, because no file of tests is known to be the last of this process. */
const idle: Reused[] = [];

/**
 * A database for the running test. One that it leaves otherwise than by its rows nobody gets after it.
 *
 * @param virgin one that no test had before, for what PostgreSQL counts of it
 */
export async function lendDatabase({ virgin = false } = {}): Promise<LentDatabase> {
  const lent = (virgin ? undefined : idle.pop()) ?? (await Reused.make());
  onTestFinished(async () => {
    if (await lent.restore()) idle.push(lent);
    else await lent.end();
  });
  return lent;
}
