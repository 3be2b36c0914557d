import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import pg from "pg";
import type { Undo } from "../undo.ts";
import { type Meter, cpuOfTree } from "../meter.ts";

/** What decides what a commit costs, and how much of the data is in memory. */
const SETTINGS = [
  ...["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_level"],
  ...["shared_buffers", "max_wal_size", "checkpoint_timeout", "autovacuum"],
];

/** The server that `DATABASE_URL` names; every subject gets databases of its own there. */
export class PostgresServer implements Meter {
  readonly #url: URL;
  readonly #client: pg.Client;
  readonly #undo: Undo;
  /** Of the server's first process; null when it is not on this machine. */
  #pid: number | null = null;
  settings: Record<string, string> = {};

  private constructor(url: URL, client: pg.Client, undo: Undo) {
    this.#url = url;
    this.#client = client;
    this.#undo = undo;
  }

  /** @throws Error when it is away, or is not durable */
  static async connect(url: string, undo: Undo): Promise<PostgresServer> {
    const client = new pg.Client({ connectionString: url, application_name: "millrace bench" });
    client.on("error", () => {});
    await client.connect().catch((error: unknown) => {
      throw new Error(`no PostgreSQL at ${url}: set DATABASE_URL (${String(error)})`);
    });
    const server = new PostgresServer(new URL(url), client, undo);
    undo.add(() => client.end());
    const { rows } = await client.query<{ name: string; value: string }>(
      "select name, current_setting(name) as value from pg_settings where name = any ($1)",
      [SETTINGS],
    );
    server.settings = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    if (server.settings["fsync"] !== "on" || server.settings["synchronous_commit"] !== "on") {
      throw new Error("this server is not durable: fsync and synchronous_commit must be on");
    }
    const backend = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    server.#pid = parentOf(backend.rows[0]!.pid);
    return server;
  }

  /** A new database, dropped when the benchmark ends or when the function that it answers is called. */
  async createDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
    const name = `millrace_bench_${randomBytes(4).toString("hex")}`;
    const drop = this.#undo.add(async () => {
      await this.#client.query(`drop database if exists ${name} with (force)`);
    });
    await this.#client.query(`create database ${name}`);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return { url: url.href, drop };
  }

  /** Writes back what has been dirtied so far, so that those who are measured next do not pay for it. */
  async checkpoint(): Promise<void> {
    await this.#client.query("checkpoint");
  }

  /** Holds a snapshot in a database, as a report or a forgotten transaction does, until the function it answers is called. */
  async holdSnapshot(url: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    await client.query("begin isolation level repeatable read");
    await client.query("select count(*) from pg_class");
    return () => client.end();
  }

  /** What autovacuum would have done by the time that a table has grown so large. */
  analyze(url: string): Promise<void> {
    return this.#maintain(url, "vacuum analyze");
  }

  vacuum(url: string): Promise<void> {
    return this.#maintain(url, "vacuum");
  }

  async #maintain(url: string, statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(statement);
    await client.end();
  }

  async read(): Promise<{ logBytes: number; cpuUs: number | null }> {
    const { rows } = await this.#client.query<{ wal: number }>(
      "select (pg_current_wal_insert_lsn() - '0/0')::float8 as wal",
    );
    return { logBytes: rows[0]!.wal, cpuUs: this.#pid === null ? null : cpuOfTree(this.#pid) };
  }
}

/** The parent of a server process, which is the server; null when that process is not on this machine. */
function parentOf(pid: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    if (!/^Name:\s+postgres/m.test(status)) return null;
    return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
  } catch {
    return null;
  }
}
