// Uses the test kit on the embedded PostgreSQL of a home, as a test of somebody's would, and tells which databases are there.
import pg from "pg";
import { testKit } from "millrace/testing";
import { acquireEmbeddedPostgres } from "../../packages/server/dist/runtime/embedded/index.js";

const [home, end] = process.argv.slice(2);
const first = await testKit({}, { home });
if (end === "killed") process.kill(process.pid, "SIGKILL");
await first[Symbol.asyncDispose]();
const second = await testKit({}, { home });

const server = await acquireEmbeddedPostgres({ home, report: () => {} });
const client = new pg.Client(server.connection());
await client.connect();
const { rows } = await client.query(
  "select split_part(datname, '_', 3) as pid from pg_database where datname ~ '^millrace_kit_[0-9]'",
);
await client.end();
await server.release();
await second[Symbol.asyncDispose]();
console.log(
  JSON.stringify({
    how: server.how,
    strange: rows.filter(({ pid }) => Number(pid) !== process.pid),
  }),
);
