import { defineJob } from "@millrace/sdk";
import { type Database, JobRegistry, openDatabase } from "millrace";

export const QUEUES = ["default", "mail"] as const;

export type Queue = (typeof QUEUES)[number];

/** Both in the queue `default` unless a run says otherwise. */
export const JOBS = ["any", "other"] as const;

export type Job = (typeof JOBS)[number];

/** An engine without workers, dispatcher and reaper on a database of its own: whoever tries it plays all of them. */
export class Bench {
  readonly db: Database;

  private constructor(db: Database) {
    this.db = db;
  }

  static async open(url: string): Promise<Bench> {
    const db = openDatabase({
      connection: () => ({ connectionString: url }),
      applicationName: "millrace model",
      maxConnections: 4,
    });
    // Nothing crashes here, and a thousand small histories would wait for the disk most of the time.
    const { pathname } = new URL(url);
    await db.query(`alter database ${pathname.slice(1)} set synchronous_commit = off`);
    const registry = new JobRegistry([
      ...JOBS.map((name) => defineJob({ name, run: () => null })),
      defineJob({ name: "mailer", queue: "mail", run: () => null }),
    ]);
    await registry.register(db);
    return new Bench(db);
  }

  close(): Promise<void> {
    return this.db.end();
  }

  /** As if nothing had ever been accepted. Deleted, not truncated: of some hundred rows that is quicker. */
  async clear(): Promise<void> {
    const tables = [
      "ready",
      "lease",
      "timer",
      "cancellation",
      "idempotency_key",
      "dead_letter",
      "uncounted_end",
    ];
    const history = ["progress", "step", "log", "event", "attempt", "run", "worker"];
    await this.db.query(
      [...tables, ...history].map((table) => `delete from millrace.${table}`).join(";"),
    );
    await this.db.query("update millrace.queue set paused_at = null");
  }

  /** A worker's row. Its name ends in a number as that of a real one does in its process id. */
  async worker(number = 0): Promise<number> {
    const { rows } = await this.db.query<{ id: number }>(
      `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
       values ($1, 10, '{}', '{}', 'model', 12000) returning id`,
      [`model:${number}`],
    );
    return rows[0]!.id;
  }
}
