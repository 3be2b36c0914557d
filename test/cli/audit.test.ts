import { createHash } from "node:crypto";
import type { MillraceError } from "@millrace/core";
import { createLogger } from "millrace";
import { expect, test } from "vitest";
import { Cli } from "../../packages/server/src/cli/cli.ts";
import { buildProgram } from "../../packages/server/src/cli/program.ts";
import { AuditAnchor } from "../../packages/server/src/maintenance/audit-anchor.ts";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";

/** One command in this process. @returns the lines that it prints */
async function run({ url }: ApiUnderTest, ...args: string[]): Promise<string[]> {
  let printed = "";
  const stdout = { write: (text: string) => void (printed += text) };
  const env = { MILLRACE_URL: url, MILLRACE_API_KEY: API_KEY };
  const cli = new Cli({ env, cwd: () => "/", stdout, stderr: stdout } as unknown as NodeJS.Process);
  const program = await buildProgram(cli, ["audit"]);
  await program.parseAsync(["audit", ...args], { from: "user" });
  return printed.split("\n").filter(Boolean);
}

const verify = (api: ApiUnderTest, ...args: string[]) =>
  run(api, "verify", ...args).catch(({ code, message }: MillraceError) => [code, message]);

async function withEntries(count: number): Promise<ApiUnderTest> {
  const api = await startApi();
  for (let n = 0; n < count; n++) {
    await api.call("/api/v1/queues/slow/pause", { json: { reason: `number ${n + 1}` } });
  }
  return api;
}

/** As somebody may who owns the database. */
async function tamper({ db }: ApiUnderTest, ...statements: string[]): Promise<void> {
  const client = await db.connect();
  try {
    for (const text of [
      "begin",
      "alter table millrace.audit disable trigger user",
      ...statements,
      "alter table millrace.audit enable trigger user",
      "commit",
    ]) {
      await client.query(text);
    }
  } finally {
    client.release();
  }
}

const CHANGE = (seq: number) =>
  `update millrace.audit set entry = replace(entry, 'number', 'another number') where seq = ${seq}`;

/** All hashes from there on, made anew so that the chain is whole again. */
const REHASH = (from: number) => `
  do $$ declare each millrace.audit; before bytea;
  begin
    select hash into before from millrace.audit where seq = ${from} - 1;
    for each in select * from millrace.audit where seq >= ${from} order by seq loop
      before := sha256(before || convert_to(each.entry, 'UTF8'));
      update millrace.audit set hash = before where seq = each.seq;
    end loop;
    update millrace.audit_head set hash = before;
  end $$`;

const CUT = "delete from millrace.audit where seq > 3";
const HEAD_TO_3 =
  "update millrace.audit_head h set seq = a.seq, hash = a.hash from millrace.audit a where a.seq = 3";

test("S17: a chain that is whole is said to be so, with its head; one that was tampered with is not, whatever was done", async () => {
  const api = await withEntries(5);
  const [whole, line] = await verify(api);
  expect(whole).toBe("The chain of 5 entries is whole.");
  const head = line!.replace("Head: ", "");
  expect((await verify(api, "--head", head))[0]).toContain("entry 5 is the one of the head");

  const cases: [what: string, statements: string[], says: string, args?: string[]][] = [
    ["one changed", [CHANGE(2)], "entry 2 is not what was written"],
    ["the last changed", [CHANGE(5)], "entry 5 is not what was written"],
    ["one removed", ["delete from millrace.audit where seq = 3"], "entry 3 is missing"],
    ["the first removed", ["delete from millrace.audit where seq = 1"], "entry 1 is missing"],
    [
      "two swapped",
      [
        `update millrace.audit a set entry = b.entry, hash = b.hash from millrace.audit b
         where (a.seq, b.seq) in ((2, 3), (3, 2))`,
      ],
      "entry 2 is not what was written",
    ],
    ["the end cut off", [CUT], "its end was cut off: entries 4 to 5 are gone"],
    [
      "the end cut off, and the head with it",
      [CUT, HEAD_TO_3],
      "entries 4 to 5 are gone",
      ["--head", head],
    ],
    ["a new chain", [CHANGE(2), REHASH(2)], "entry 5 is another than the one", ["--head", head]],
    [
      "another head",
      ["update millrace.audit_head set hash = sha256('')"],
      "its last entry, 5, is not",
    ],
  ];
  await api.db.query("create table kept as select seq, entry, hash from millrace.audit");
  await api.db.query("create table kept_head as select * from millrace.audit_head");
  for (const [what, statements, says, args = []] of cases) {
    await tamper(api, ...statements);
    const told = await verify(api, ...args);
    expect(told, what).toEqual(["audit_broken", expect.stringContaining(says)]);
    await tamper(
      api,
      "delete from millrace.audit",
      "insert into millrace.audit (seq, entry, hash) select * from kept",
      "update millrace.audit_head h set seq = k.seq, hash = k.hash from kept_head k",
    );
  }
  expect((await verify(api, "--json")).map((line) => JSON.parse(line) as object)).toEqual([
    { v: 1, whole: true, seq: 5, hash: head.slice(2) },
  ]);
});

test("S17: what is exported can be followed with nothing but SHA-256, and the log has the head", async () => {
  const api = await withEntries(3);
  await api.call("/api/v1/queues/slow/pause", { json: { reason: "späť \u202e \u2028" } });
  const lines = (await run(api, "export")).map(
    (line) => JSON.parse(line) as { seq: number; entry: string; hash: string; action: string },
  );
  let hash = Buffer.alloc(32);
  for (const line of lines) {
    hash = createHash("sha256").update(hash).update(line.entry).digest();
    expect(line.hash).toBe(hash.toString("hex"));
  }
  expect(lines.map(({ seq, action }) => [seq, action])).toEqual(
    [1, 2, 3, 4].map((seq) => [seq, "queue.paused"]),
  );

  const logged: unknown[] = [];
  const write = (text: string) => void logged.push(JSON.parse(text));
  const logger = createLogger("info", { write });
  const anchor = new AuditAnchor({ db: api.db, logger, firstAfterMs: 0 });
  await anchor.start();
  await anchor.stop();
  const [{ audit }] = logged as [{ audit: string }];
  expect(audit).toBe(`4:${hash.toString("hex")}`);
  expect((await verify(api, "--head", audit))[0]).toContain("is whole");
});

test("the list shows who has done what, the newest first, and how to go on", async () => {
  const api = await withEntries(3);
  const [title, newest, , more] = await run(api, "--limit", "2");
  expect(title).toMatch(/^NO +AT +WHO +FROM +WHAT +OF$/);
  expect(newest).toMatch(/^ *3 +\S+T\S+ +api +127\.0\.0\.1 +queue\.paused +queue:slow$/);
  expect(more).toBe("More: --cursor 2");
  expect((await run(api, "--cursor", "2"))[1]).toMatch(/^ *1 /);
  expect(await run(api, "--actor", "key:nobody")).toEqual(["Nothing of that is on record."]);
});
