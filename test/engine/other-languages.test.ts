import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { defineJob } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Mill } from "../support/mill.ts";

const run = promisify(execFile);

const greet = defineJob({ name: "greet", input: z.unknown(), run: (input) => input });

/** The first of these commands that answers; Debian's own Python has Debian's packages. */
function first(commands: string[][]): string[] | undefined {
  return commands.find(([program, ...args]) => {
    try {
      execFileSync(program!, args, { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

async function withCustomers(): Promise<Mill> {
  const mill = await Mill.create(greet);
  await mill.rows("create table customer (name text)");
  return mill;
}

const counts = (mill: Mill) =>
  mill.rows(
    "select (select count(*)::int from customer) as customers, (select count(*)::int from millrace.run) as runs",
  );

const psql = first([["psql", "--version"]])?.[0];

describe.skipIf(psql === undefined)("psql (skipped where there is none)", () => {
  test("asks for a run in its transaction: it is there if that commits, and not if it rolls back", async () => {
    const mill = await withCustomers();
    const script = (end: string) => `
      begin;
      insert into customer values ('Ada');
      select millrace.enqueue('greet', jsonb_build_object('name', name)) from customer;
      ${end};`;
    const send = (sql: string) =>
      run(psql!, [mill.url, "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", sql]);
    await send(script("rollback"));
    expect(await counts(mill)).toEqual([{ customers: 0, runs: 0 }]);
    await expect(
      send(script("select millrace.enqueue('unheard-of'); commit")),
    ).rejects.toMatchObject({
      stderr: expect.stringContaining("no job named 'unheard-of' is registered"),
    });
    expect(await counts(mill)).toEqual([{ customers: 0, runs: 0 }]);
    const { stdout } = await send(script("commit"));
    const [id] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(stdout)!;
    expect(await counts(mill)).toEqual([{ customers: 1, runs: 1 }]);
    await mill.startWorker();
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { name: "Ada" } });
  });
});

const PYTHON = `
import json, sys
try:
    import psycopg
except ImportError:
    import psycopg2 as psycopg
url, end = sys.argv[1:]
connection = psycopg.connect(url)
try:
    with connection, connection.cursor() as cursor:
        cursor.execute("insert into customer values (%s)", ["Grace"])
        cursor.execute("select millrace.enqueue(%s, %s, key => %s)", ["greet", json.dumps({"it's": "\\U0001F600"}), "k"])
        print(cursor.fetchone()[0])
        if end == "raise":
            raise RuntimeError("its own work failed")
        if end == "refused":
            cursor.execute("select millrace.enqueue(%s, %s, key => %s)", ["greet", "{}", "k"])
except psycopg.Error as error:
    print(getattr(error, "sqlstate", None) or error.pgcode)
`;

const python = first([
  ["/usr/bin/python3", "-c", "import psycopg2"],
  ["python3", "-c", "import psycopg"],
  ["python3", "-c", "import psycopg2"],
])?.[0];

describe.skipIf(python === undefined)("Python (skipped where psycopg is not installed)", () => {
  test("asks for a run in its transaction: it is there if that commits, and not if it rolls back", async () => {
    const mill = await withCustomers();
    const script = (end: string) => run(python!, ["-c", PYTHON, mill.url, end]);
    await expect(script("raise")).rejects.toMatchObject({
      stderr: expect.stringContaining("its own work failed"),
    });
    expect(await counts(mill)).toEqual([{ customers: 0, runs: 0 }]);
    expect((await script("refused")).stdout).toMatch(/^ML003$/m);
    expect(await counts(mill)).toEqual([{ customers: 0, runs: 0 }]);
    const id = (await script("commit")).stdout.trim();
    expect(await counts(mill)).toEqual([{ customers: 1, runs: 1 }]);
    await mill.startWorker();
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { "it's": "\u{1F600}" },
    });
  });
});
