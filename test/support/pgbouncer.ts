import { onTestFinished } from "vitest";
import pg from "pg";
import { freePort } from "./free-port.ts";
import { installedProgram } from "./servers/installed-program.ts";
import { makeServerPlace } from "./servers/server-place.ts";
import { startServer } from "./servers/start-server.ts";

/** Why there is none to be tried with; undefined where there is one. */
export const noPgBouncer = installedProgram("pgbouncer")
  ? undefined
  : "no pgbouncer is installed (Debian: apt-get install pgbouncer)";

export interface PgBouncer {
  /** The database through it. */
  url: string;
  stop(): Promise<void>;
}

/**
 * A PgBouncer in transaction mode before a database, with so few sessions that each client gets another's all the time.
 *
 * @param connectQuery what each of its sessions begins with
 */
export async function startPgBouncer(database: string, connectQuery = ""): Promise<PgBouncer> {
  const program = installedProgram("pgbouncer");
  if (!program) throw new Error(noPgBouncer);
  const { hostname, port, username, password, pathname } = new URL(database);
  const name = pathname.slice(1);
  const place = makeServerPlace("pgbouncer");
  const own = await freePort();
  const login = password ? ` password=${decodeURIComponent(password)}` : "";
  const target = `host=${hostname} port=${port || 5432} dbname=${name} user=${username || "postgres"}${login}`;
  const query = connectQuery && ` connect_query='${connectQuery.replaceAll("'", "''")}'`;
  const config = `[databases]
${name} = ${target}${query}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
`;
  const url = `postgres://postgres@127.0.0.1:${own}/${name}`;
  try {
    const { stop } = await startServer({
      place,
      program,
      args: [place.write("pgbouncer.ini", config)],
      url,
      greet,
      stopBy: "SIGINT",
    });
    onTestFinished(stop);
    return { url, stop };
  } catch (error) {
    place.remove();
    throw error;
  }
}

async function greet(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  client.on("error", () => {});
  await client.connect();
  await client.query("select 1");
  await client.end();
  return "ok";
}
