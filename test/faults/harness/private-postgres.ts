import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { migrate } from "../../../packages/server/src/store/migrate.ts";
import { prepareBinaries } from "../../../packages/server/src/runtime/embedded/binaries.ts";
import { findNative } from "../../../packages/server/src/runtime/embedded/native.ts";
import { Child } from "../../support/child-process.ts";
import { freePort } from "../../support/free-port.ts";
import { installedPostgres } from "../../support/servers/postgres.ts";
import { type ServerPlace, makeServerPlace } from "../../support/servers/server-place.ts";
import { until } from "../../support/until.ts";

const run = promisify(execFile);

interface Programs {
  postgres: string;
  initdb: string;
  env: Record<string, string | undefined>;
}

/** A PostgreSQL of one's own, to be crashed: installed, or else the one that Millrace embeds. */
export class PrivatePostgres {
  readonly url: string;
  readonly #place: ServerPlace;
  readonly #programs: Programs;
  readonly #port: number;
  #server: Child | undefined;

  private constructor(place: ServerPlace, programs: Programs, port: number, url: string) {
    this.#place = place;
    this.#programs = programs;
    this.#port = port;
    this.url = url;
  }

  /** Created, started, and migrated. */
  static async create(): Promise<PrivatePostgres> {
    const place = makeServerPlace("private-postgres");
    const { uid, gid } = place.account;
    const programs = findPrograms(place);
    const password = randomBytes(18).toString("hex");
    await run(
      programs.initdb,
      [
        ...["--pgdata", join(place.folder, "data"), "--username", "postgres"],
        ...["--auth", "scram-sha-256", "--pwfile", place.write("password", password)],
        ...["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"],
      ],
      {
        cwd: place.folder,
        env: { ...process.env, ...programs.env },
        ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
      },
    );
    const port = await freePort();
    const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
    const server = new PrivatePostgres(place, programs, port, url);
    await server.start();
    const pool = new pg.Pool({ connectionString: url });
    await migrate(pool);
    await pool.end();
    return server;
  }

  /** Starts it, also after a crash; answers when it takes connections. */
  async start(): Promise<void> {
    const server = await Child.start(
      this.#programs.postgres,
      [
        ...["-D", join(this.#place.folder, "data"), "-p", String(this.#port)],
        ...["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
      ],
      { cwd: this.#place.folder, ...this.#place.account, env: this.#programs.env, group: true },
    );
    this.#server = server;
    await until("the private PostgreSQL answers", async () => {
      if (server.exit) return true;
      const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 1000 });
      client.on("error", () => {});
      await client.connect();
      await client.end();
      return true;
    });
    if (server.exit) throw new Error(`PostgreSQL ended:\n${server.output}`);
  }

  /** As `pg_ctl stop -m immediate`: every session is cut off, nothing is written back. */
  async crash(): Promise<void> {
    this.#server?.kill("SIGQUIT");
    await this.#server?.exited;
  }

  async remove(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#place.remove();
  }
}

function findPrograms(place: ServerPlace): Programs {
  const postgres = installedPostgres();
  if (postgres) return { postgres, initdb: join(dirname(postgres), "initdb"), env: {} };
  const { uid, gid } = place.account;
  const account =
    uid === undefined || gid === undefined ? undefined : { name: "the test's", uid, gid };
  const home = { folder: place.folder, account };
  const { environment, ...programs } = prepareBinaries(findNative(undefined), home, () => {});
  return { ...programs, env: environment };
}
