// Holds the embedded PostgreSQL of the folder given as first argument, for tests that kill whoever holds it.
// Says "held {...}" when it has it; with the second argument "writing" it commits numbered rows and says "committed n" after
// each acknowledgement. SIGTERM makes it let go and say "released ...".
import pg from "pg";
import { acquireEmbeddedPostgres } from "../../packages/server/dist/runtime/embedded/index.js";

const [, , home, mode] = process.argv;
const say = (line) => process.stdout.write(`${line}\n`);
const server = await acquireEmbeddedPostgres({
  home,
  report: (message) => say(`report ${message}`),
});
const leaving = new AbortController();
process.on("SIGTERM", () => leaving.abort());
const idle = setInterval(() => {}, 1_000);
say(`held ${JSON.stringify({ how: server.how, pid: server.pid, home: server.home })}`);

if (mode === "writing") await commitRows();
else await new Promise((resolve) => process.on("SIGTERM", resolve));
say(`released ${await server.release()}`);
clearInterval(idle);

async function commitRows() {
  const client = new pg.Client(server.connection());
  client.on("error", (error) => say(`broken ${error.message}`));
  await client.connect();
  await client.query("create table if not exists acknowledged (n bigint primary key)");
  for (let n = 1; !leaving.signal.aborted; n += 1) {
    await client.query("insert into acknowledged values ($1)", [n]);
    say(`committed ${n}`);
  }
  await client.end();
}
