import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Child } from "../support/child-process.ts";
import { type TestDatabase, createDatabase } from "../support/database.ts";
import { jobCache, shareJobCache } from "../support/job-cache.ts";
import { OWN_PROCESS, addressOf, launch } from "../support/millrace.ts";
import { type Block, type Page, ROOT, isLeftAlone, moduleOf, placeOf, readPages } from "./pages.ts";
import { Resident } from "./resident.ts";
import { expectSameOutput } from "./same-output.ts";
import { Shell } from "./shell.ts";
import { Workshop } from "./workshop.ts";

// What a page tells its reader to type is typed here, top to bottom, against a server with the jobs of all pages and the
// examples. `not-run` after a block's language leaves it alone.

const KEY = "mr_the-key-of-the-pages-0123456789";

const MILLRACE = join(ROOT, "packages/server/bin/millrace.mjs");
const RELAY = join(import.meta.dirname, "relay.cjs");

/** As in a checkout, without the half second that npx takes to find what is there, and most of what millrace takes to begin. */
const programs = (socket: string) => `
millrace() {
  case "\${1:-}" in
    ${[...OWN_PROCESS].join("|")}) "${process.execPath}" "${MILLRACE}" "$@" ;;
    *) "${process.execPath}" "${RELAY}" "${socket}" "$@" ;;
  esac
}
npx() { "$@"; }`;

let resident: Resident;
let workshop: Workshop;
let database: TestDatabase;
let client: pg.Client;
let server: Child;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  resident = await Resident.start();
  workshop = new Workshop();
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { folder } = workshop;
  const own = { MILLRACE_HOME: join(folder, ".millrace"), MILLRACE_API_KEY: KEY };
  shareJobCache(own.MILLRACE_HOME);
  server = await launch(
    ["start", "--jobs", join(ROOT, "examples"), join(folder, "jobs"), "--port", "0"],
    { ...own, DATABASE_URL: database.url },
    { cwd: folder },
  );
  env = {
    ...own,
    MILLRACE_URL: await addressOf(server),
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`,
    JITI_FS_CACHE: jobCache(),
  };
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await client.end();
  await database.drop();
  workshop[Symbol.dispose]();
  resident[Symbol.dispose]();
});

type Runner = (block: Block, shell: Shell) => Promise<void>;

const RUNNERS: Record<string, Runner> = {
  sh: async (block, shell) => {
    await shell.run(block.text);
  },
  console: async (block, shell) => {
    for (const { command, shown } of commandsOf(block)) {
      // A page may show how something fails.
      expectSameOutput(await shell.run(`${command} || :`), shown);
    }
  },
  sql: async (block) => {
    await client.query(block.text);
  },
  ts: async (block, shell) => {
    if (!block.marks.includes("run")) return;
    const file = moduleOf(block);
    // Only here: what is typed into a shell finds the server by its address.
    const run = `DATABASE_URL='${database.url}' npx jiti ${file} 2> ${file}.err || { cat ${file}.err; exit 1; }`;
    expectSameOutput(await shell.run(run), printed(block));
  },
};

const pages = readPages().filter(({ blocks }) => blocks.some(isRunnable));

test.each(pages)(
  "what $path says to type does what it says",
  { timeout: 240_000 },
  async (page) => {
    await expect(follow(page)).resolves.toBeUndefined();
  },
);

test("what docs/sql.md grants is enough to enqueue and to look", async () => {
  const grants = readPages()
    .find(({ path }) => path === "docs/sql.md")!
    .blocks.find(({ text }) => text.startsWith("grant"));
  await client.query(`begin; create role shop; ${grants!.text}; set local role shop`);
  const { rows } = await client.query<{ id: string }>(
    `select millrace.enqueue('greet', '{"name":"Ada"}', key => 'k', run_at => now() + interval '1 h') as id`,
  );
  const status = "select status from millrace.automation_jobs where id = $1";
  expect((await client.query(status, [rows[0]?.id])).rows).toEqual([{ status: "scheduled" }]);
  const events = "select event from millrace.timeline where run_id = $1";
  expect((await client.query(events, [rows[0]?.id])).rows).toEqual([{ event: "accepted" }]);
  // The role belongs to the whole server: it goes with the transaction.
  await client.query("rollback");
});

async function follow(page: Page): Promise<void> {
  await using shell = new Shell({ cwd: workshop.folder, env });
  // Also when the time of the test is over while it waits for something.
  onTestFinished(() => shell.kill());
  await shell.run(programs(resident.socket));
  for (const block of page.blocks.filter(isRunnable)) {
    await RUNNERS[block.language]!(block, shell).catch((error: unknown) => {
      throw new Error(`the block at ${placeOf(block)} does not do what it says: ${String(error)}`, {
        cause: error,
      });
    });
  }
}

function isRunnable(block: Block): boolean {
  return block.language in RUNNERS && !isLeftAlone(block);
}

/** The commands of a console block, each with what is shown below it. */
function commandsOf(block: Block): { command: string; shown: string }[] {
  const parts = block.text.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    // A backslash at its end continues a command.
    const [, command = "", shown = ""] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(part) ?? [];
    return { command, shown };
  });
}

/** What a TypeScript block says that it prints, in comments such as `//=> Hello Ada`. */
function printed(block: Block): string {
  return [...block.text.matchAll(/\/\/=> (.*)$/gm)].map(([, line]) => line).join("\n");
}
