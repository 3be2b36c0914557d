import { execFileSync } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isNonRetryable } from "@millrace/sdk";
import fc from "fast-check";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { cleanup } from "./job.ts";
import { matcher, patternProblem } from "./pattern.ts";
import { removeFile } from "./remove.ts";
import { type FoundFile, walk } from "./walk.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "millrace-cleanup-")));
  process.env.CLEANUP_ROOT = root;
});

afterEach(async () => {
  delete process.env.CLEANUP_ROOT;
  await rm(root, { recursive: true });
});

const run = (input: Parameters<typeof cleanup.call>[0]) => cleanup.call(input, { log: silent });

/** A file of so many bytes, last written so many days ago. */
async function put(path: string, days: number, bytes = 10): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), "x".repeat(bytes));
  const then = Date.now() / 1000 - days * 86_400;
  await utimes(join(root, path), then, then);
}

async function left(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

async function refusal(input: Parameters<typeof cleanup.call>[0]): Promise<string> {
  const error = await run(input).then(
    () => undefined,
    (refused: Error) => refused,
  );
  expect(error, JSON.stringify(input)).toBeDefined();
  expect(isNonRetryable(error), String(error)).toBe(true);
  return error!.message;
}

test("{} deletes nothing, and says what it would delete", async () => {
  await put("logs/old.log", 40, 100);
  await put("logs/new.log", 2, 100);
  const output = await run({});
  expect(output).toMatchObject({ dryRun: true, scanned: 2, matched: 2, files: 1, bytes: 100 });
  expect(output.deleted).toMatchObject([{ path: "logs/old.log", bytes: 100 }]);
  expect(await left()).toEqual(["logs/new.log", "logs/old.log"]);
});

test("age and pattern decide together, and a dry run says what the real one then does", async () => {
  await put("a.log", 40, 1);
  await put("a.txt", 40, 2);
  await put("deep/er/b.log", 40, 4);
  await put("deep/er/c.log", 1, 8);
  await put(".hidden.log", 40, 16);
  const input = { patterns: ["**/*.log"], olderThanDays: 30 };
  const { dryRun: _, ...planned } = await run(input);
  const { dryRun: __, ...done } = await run({ ...input, dryRun: false });
  expect(done).toEqual(planned);
  expect(done).toMatchObject({ files: 2, bytes: 5 });
  expect(await left()).toEqual([".hidden.log", "a.txt", "deep/er/c.log"]);
});

test("the newest are kept, however old they are", async () => {
  for (const days of [31, 32, 33, 34, 35]) await put(`backup/${days}.tar`, days);
  await put("other.txt", 300);
  const output = await run({ patterns: ["backup/*.tar"], keepNewest: 2, dryRun: false });
  expect(output.files).toBe(3);
  expect(await left()).toEqual(["backup/31.tar", "backup/32.tar", "other.txt"]);
});

test("folders go only when this run emptied them, and only on demand", async () => {
  await put("a/b/c/old", 40);
  await put("d/old", 40);
  await put("d/new", 1);
  await mkdir(join(root, "always-empty"));
  const input = { removeEmptiedFolders: true };
  expect(await run(input)).toMatchObject({ files: 2, folders: 3 });
  expect(await run({ ...input, dryRun: false })).toMatchObject({ files: 2, folders: 3 });
  expect((await readdir(root)).sort()).toEqual(["always-empty", "d"]);
  await put("e/old", 40);
  await run({ dryRun: false });
  expect(await readdir(join(root, "e"))).toEqual([]);
});

test("the root itself stays when everything in it went", async () => {
  await put("old", 40);
  await run({ dryRun: false, removeEmptiedFolders: true });
  expect(await readdir(root)).toEqual([]);
});

test("links are neither followed nor deleted, and nothing outside is touched", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "millrace-elsewhere-"));
  onTestFinished(() => rm(elsewhere, { recursive: true }));
  await writeFile(join(elsewhere, "precious"), "x");
  await utimes(join(elsewhere, "precious"), 0, 0);
  await symlink(elsewhere, join(root, "folder"));
  await symlink(join(elsewhere, "precious"), join(root, "file"));
  await symlink("nowhere", join(root, "dangling"));
  const output = await run({ olderThanDays: 0, dryRun: false });
  expect(output).toMatchObject({ files: 0, skipped: 3 });
  expect(await readFile(join(elsewhere, "precious"), "utf8")).toBe("x");
  expect(await refusal({ folder: "folder" })).toContain("outside its root");
  expect(await refusal({ folder: "file" })).toContain("outside its root");
});

test("a path outside the root is refused, whether it exists or not", async () => {
  await put("file", 1);
  for (const folder of ["..", "../..", "/", "/etc", "a/../../b", "../none-such", "./../x"]) {
    expect(await refusal({ folder }), folder).toContain("outside its root");
  }
  expect(await refusal({ folder: "none-such" })).toContain("ENOENT");
  expect(await refusal({ folder: "a\0b" })).toContain("NUL");
  expect(await refusal({ folder: "file" })).toContain("is not a folder");
});

test("the whole disk or a home is no root, and a root must exist", async () => {
  process.env.CLEANUP_ROOT = "/";
  expect(await refusal({})).toContain("name a folder whose files may go");
  process.env.CLEANUP_ROOT = join(root, "none");
  expect(await refusal({})).toContain("cannot be reached");
});

test("a folder that is replaced by a link after the file was found saves what the link leads to", async () => {
  await put("logs/old.log", 40);
  const elsewhere = await mkdtemp(join(tmpdir(), "millrace-elsewhere-"));
  onTestFinished(() => rm(elsewhere, { recursive: true }));
  await writeFile(join(elsewhere, "old.log"), "precious");
  const found: FoundFile[] = [];
  const visitor = {
    file: async (file: FoundFile) => found.push(file) < 0,
    emptied: async () => false,
    skipped: () => {},
    unreadable: () => {},
  };
  await walk(root, visitor, new AbortController().signal);
  await rename(join(root, "logs"), join(root, "moved"));
  await symlink(elsewhere, join(root, "logs"));
  expect(await removeFile(found[0]!)).toEqual({ failed: "its folder was replaced" });
  expect(await readdir(elsewhere)).toEqual(["old.log"]);
});

test("a file that vanishes meanwhile is no error and is not counted", async () => {
  await put("old", 40);
  const found: FoundFile[] = [];
  const visitor = {
    file: async (file: FoundFile) => found.push(file) < 0,
    emptied: async () => false,
    skipped: () => {},
    unreadable: () => {},
  };
  await walk(root, visitor, new AbortController().signal);
  await rm(join(root, "old"));
  expect(await removeFile(found[0]!)).toBe("gone");
});

test("several runs at once delete each file once", async () => {
  for (let i = 0; i < 300; i++) await put(`f/${i % 7}/${i}`, 40, 3);
  const outputs = await Promise.all(
    [1, 2, 3].map(() => run({ dryRun: false, removeEmptiedFolders: true })),
  );
  expect(outputs.reduce((sum, { files }) => sum + files, 0)).toBe(300);
  expect(outputs.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(900);
  expect(await readdir(root)).toEqual([]);
});

test("hostile names are names: line ends, quotes, dashes, wildcards, bytes that are not UTF-8", async () => {
  const names = ["a\nb.log", "-rf", "$(reboot).log", "*", "'\"`", "é\u202Egol.log", " .log", "\\"];
  for (const name of names) await put(`d/${name}`, 40);
  // A name that no text can hold: Node's own would come back damaged.
  execFileSync("python3", [
    "-c",
    "import os,sys; p=os.fsencode(sys.argv[1])+b'/\\xff\\xfe.log'; open(p,'w').write('x'); os.utime(p,(0,0))",
    join(root, "d"),
  ]);
  await symlink("d", join(root, "-link"));
  const output = await run({ dryRun: false, removeEmptiedFolders: true });
  expect(output).toMatchObject({ files: names.length + 1, folders: 1 });
  expect(await readdir(root)).toEqual(["-link"]);
});

test("an entry that is neither file nor folder stays", async () => {
  const server = createServer().listen(join(root, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  await utimes(join(root, "socket"), 0, 0);
  expect(await run({ dryRun: false, olderThanDays: 0 })).toMatchObject({ files: 0, skipped: 1 });
  expect((await lstat(join(root, "socket"))).isSocket()).toBe(true);
});

test(
  "what cannot be deleted fails the run after the rest was done",
  { skip: process.getuid?.() === 0 },
  async () => {
    await put("locked/old", 40);
    await put("open/old", 40);
    await chmod(join(root, "locked"), 0o500);
    const error = await run({ dryRun: false }).catch((thrown: unknown) => thrown as Error);
    // Before anything can fail: the folder is removed after the test, earlier than `onTestFinished` would mend it.
    await chmod(join(root, "locked"), 0o700);
    expect((error as Error).message).toBe(
      '1 could not be read or deleted, such as "locked/old" (EACCES)',
    );
    expect(await left()).toEqual(["locked/old"]);
  },
);

test("an abort stops between two files", async () => {
  for (let i = 0; i < 50; i++) await put(`${i}`, 40);
  const abort = new AbortController();
  abort.abort(new Error("enough"));
  await expect(
    cleanup.call({ dryRun: false }, { log: silent, signal: abort.signal }),
  ).rejects.toThrow("enough");
  expect(await left()).toHaveLength(50);
});

test("patterns that lead out, turn round or could run for ever are refused as input", async () => {
  for (const bad of [
    "",
    "/etc/*",
    "../*",
    "a/../b",
    "./a",
    "!a",
    "a(b|c)+",
    "+(a|b)",
    "*a*a*a*a",
    "**/a/**/b/**/c/**",
    "x".repeat(257),
  ]) {
    expect(patternProblem(bad), bad).toBeDefined();
    await expect(run({ patterns: [bad] })).rejects.toMatchObject({ code: "invalid_input" });
  }
  await expect(run({ patterns: [] })).rejects.toMatchObject({ code: "invalid_input" });
});

test("patterns mean what they mean in a shell", () => {
  const cases: [string, string[], string[]][] = [
    ["**", ["a", "a/b", "a/b/c.log"], [".a", "a/.b/c"]],
    ["*.log", ["a.log"], ["a/b.log", ".log", "a.log.gz"]],
    ["**/*.log", ["a.log", "a/b/c.log"], ["a/.c.log"]],
    ["logs/**", ["logs/a", "logs/a/b"], ["log/a", "a/logs/b"]],
    ["a?c", ["abc"], ["ac", "a/c"]],
    ["[a-c].{log,txt}", ["a.log", "c.txt"], ["d.log", "a.gz"]],
    [".cache/**", [".cache/a"], ["cache/a"]],
    ["**/.*", [".a", "b/.a"], ["a"]],
    ["$x^.log", ["$x^.log"], ["x.log"]],
  ];
  for (const [pattern, yes, no] of cases) {
    expect(patternProblem(pattern), pattern).toBeUndefined();
    for (const path of yes) expect(matcher([pattern])(path), `${pattern} ${path}`).toBe(true);
    for (const path of no) expect(matcher([pattern])(path), `${pattern} ${path}`).toBe(false);
  }
});

test("a pattern that is taken is matched soon, whatever the name", () => {
  const letters = fc.constantFrom(
    "a",
    "*",
    "?",
    "[ab]",
    "{a,b}",
    "/",
    "**/",
    "b",
    "{",
    "[",
    "]",
    ",",
    "-",
    "^",
    "$",
    ".",
  );
  const patterns = fc.array(letters, { maxLength: 24 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(patterns, fc.integer({ min: 1, max: 255 }), (pattern, length) => {
      fc.pre(patternProblem(pattern) === undefined);
      const matches = matcher([pattern]);
      matches("a".repeat(length));
      matches(`${"ab".repeat(length / 2)}!`);
      matches("a/".repeat(60));
    }),
    { numRuns: 300 },
  );
});
