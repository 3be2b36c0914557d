import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "../free-port.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { installedProgram } from "./installed-program.ts";
import { useMemory } from "./memory.ts";
import type { RunningServer, ServerKind } from "./server-kind.ts";
import { makeServerPlace } from "./server-place.ts";
import { startServer } from "./start-server.ts";

const run = promisify(execFile);

const OLDEST = 150_000;

export const postgres: ServerKind = {
  name: "PostgreSQL",
  setting: "MILLRACE_TEST_PG_URL",
  debianPackage: "postgresql",
  greet,
  usualUrls() {
    const names = new Set(["postgres", userInfo().username]);
    return [...names].map((name) => `postgresql://${name}@127.0.0.1:5432/postgres`);
  },
  // A database is some 550 files: to make and drop one takes 50 ms of a processor in memory, and 200 to 500 on a disk.
  startQuicker: async () => (useMemory() ? await startInstalled() : undefined),
  start: async () => (await startInstalled()) ?? (await startEmbeddedPostgres()),
};

/** Its version. Refuses one where we may not create databases, or that is older than Millrace supports. */
async function greet(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  // A server that goes away later must not end this process.
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ version: number; name: string; creates: boolean }>(
      `select current_setting('server_version_num')::int as version,
              current_setting('server_version') as name,
              rolcreatedb or rolsuper as creates
         from pg_roles where rolname = current_user`,
    );
    const server = rows[0]!;
    if (!server.creates) throw new Error("this role may not create databases");
    if (server.version < OLDEST) throw new Error(`${server.name} is older than 15`);
    return server.name;
  } finally {
    await client.end();
  }
}

/** The path of the newest `postgres` that is installed; its `initdb` lies beside it. */
export function installedPostgres(): string | undefined {
  return installedProgram("postgres", debianFolders());
}

async function startInstalled(): Promise<RunningServer | undefined> {
  const program = installedPostgres();
  if (!program) return undefined;
  const place = makeServerPlace("postgres");
  const password = randomBytes(18).toString("hex");
  try {
    const data = join(place.folder, "data");
    await run(
      join(dirname(program), "initdb"),
      [
        // Each session begins with it, and scram-sha-256 takes 4 ms of a processor to be as slow as it should be.
        ...["--pgdata", data, "--username", "postgres", "--auth", "md5"],
        ...["--pwfile", place.write("password", password), "--encoding", "UTF8", "--locale", "C"],
        ...["--no-sync", "--no-instructions"],
      ],
      { cwd: place.folder, ...place.account },
    );
    const port = await freePort();
    return await startServer({
      place,
      program,
      args: [
        ...["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1"],
        ...["-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "autovacuum=off"],
      ],
      url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
      greet,
      stopBy: "SIGINT",
    });
  } catch (error) {
    place.remove();
    throw error;
  }
}

/** Debian keeps the servers of several versions off the PATH; newest first. */
function debianFolders(): string[] {
  const root = "/usr/lib/postgresql";
  try {
    return readdirSync(root)
      .filter((version) => Number(version) >= OLDEST / 10_000)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(root, version, "bin"));
  } catch {
    return [];
  }
}
