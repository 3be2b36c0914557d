import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import pg from "pg";
import type { Place } from "./place.ts";

/** Advisory lock of the one `millrace start` on an embedded database. The number is "race" in ASCII. */
const LOCK = 0x72_61_63_65;

/** The server may need a moment to see that a killed process has gone. */
const WAIT_MS = 2000;

/**
 * Held by the one `start` that serves an embedded database, on a session of its own: when its process dies, however
 * it dies, the server lets the lock go. The session's name says who holds it.
 */
export class StartLock {
  readonly #place: Place;
  #client: pg.Client | undefined;
  #name = nameOf();

  constructor(place: Place) {
    this.#place = place;
  }

  /** @throws MillraceError `already_running`, with the other's process id and address */
  async take(): Promise<void> {
    await this.#drop();
    const client = new pg.Client({ ...this.#place.connection(), application_name: this.#name });
    // The lock is gone with the session; an embedded server that comes back is locked again.
    client.on("error", () => {});
    await client.connect();
    this.#client = client;
    const since = performance.now();
    while (!(await this.#tryLock(client))) {
      if (performance.now() - since > WAIT_MS) throw await this.#refusal(client);
      await pause(100);
    }
  }

  /** Lets a second start say where the first one answers. */
  async tellAddress(address: string): Promise<void> {
    this.#name = nameOf(address);
    await this.#client?.query("select set_config('application_name', $1, false)", [this.#name]);
  }

  async release(): Promise<void> {
    await this.#drop();
  }

  async #tryLock(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query("select pg_try_advisory_lock($1) as taken", [LOCK]);
    return rows[0].taken;
  }

  async #refusal(client: pg.Client): Promise<MillraceError> {
    const { rows } = await client.query(
      `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
       where l.locktype = 'advisory' and l.objid = $1 and l.classid = 0 and l.granted and l.database = a.datid`,
      [LOCK],
    );
    await this.#drop();
    const [, pid, address] = /^millrace start (\d+) ?(\S*)$/.exec(rows[0]?.name ?? "") ?? [];
    const who = pid ? ` (process ${pid}${address ? `, ${address}` : ""})` : "";
    return new MillraceError(
      "already_running",
      `Millrace already runs on this data${who}; use it, stop it first, or set MILLRACE_HOME and MILLRACE_PORT for a second one`,
    );
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

/** PostgreSQL keeps 63 bytes of it. */
function nameOf(address = ""): string {
  return `millrace start ${process.pid} ${address}`.trim().slice(0, 63);
}
