import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { loadJobs } from "./load-jobs.ts";

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(realpathSync(tmpdir()), "millrace-jobs-"));
  symlinkSync(path.join(import.meta.dirname, "../../../../node_modules"), `${cwd}/node_modules`);
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
});

const load = (...paths: string[]) =>
  loadJobs(paths, { cwd, cacheFolder: path.join(cwd, ".cache") });

function write(file: string, text: string): void {
  const full = path.join(cwd, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
}

const job = (name: string, as = `export const ${name}`) =>
  `import { defineJob } from "@millrace/sdk";\n${as} = defineJob({ name: "${name}", run: () => 1 });\n`;

test("a folder gives the jobs of every job file below it, whatever they are exported as", async () => {
  write("jobs/job.js", `${job("one")}export const other = 1;\n`);
  write("jobs/deep/mail.job.mjs", job("mail"));
  write(
    "jobs/deep/typed.job.ts",
    `type Name = string;\n${job("typed", "const it")}export { it as default };\n`,
  );
  write("jobs/node_modules/x/job.js", "throw new Error('skipped')");
  write("jobs/tests/job.js", "throw new Error('skipped')");
  write("jobs/.hidden/job.js", "throw new Error('skipped')");
  write("jobs/not-a-job.js", "throw new Error('skipped')");
  expect((await load("jobs")).jobs.map(({ name }) => name)).toEqual(["mail", "typed", "one"]);
});

test("a file may have any name, and the same job found twice is one", async () => {
  write("anything.js", job("one"));
  expect((await load("anything.js", "./anything.js")).jobs).toHaveLength(1);
  write("both/a.job.js", `export * from "../anything.js";\n`);
  write("both/b.job.js", `export * from "../anything.js";\n`);
  const { jobs, files } = await load("both");
  expect(jobs).toHaveLength(1);
  expect(files).toEqual(new Map([["one", path.join(cwd, "both/b.job.js")]]));
});

test("two jobs of one name are refused with both files", async () => {
  write("a.job.js", job("same"));
  write("b.job.js", job("same"));
  await expect(load(".")).rejects.toMatchObject({
    code: "duplicate_job",
    message: expect.stringMatching(/a\.job\.js and to another in b\.job\.js/),
  });
});

test("queues are found beside jobs, and in files of their own", async () => {
  const queue = (name: string) =>
    `import { defineQueue } from "@millrace/sdk";\nexport const q = defineQueue({ name: "${name}", concurrency: 2 });\n`;
  write("a.job.js", `${job("one")}${queue("slow")}`);
  write("b.job.js", queue("quick"));
  const loaded = await load(".");
  expect(loaded.queues.map(({ name }) => name)).toEqual(["slow", "quick"]);
  expect(loaded.jobs).toHaveLength(1);
  await expect(load("b.job.js")).rejects.toThrow("there are queues or schedules and no job");
  write("c.job.js", queue("slow"));
  await expect(load(".")).rejects.toMatchObject({
    code: "duplicate_queue",
    message: expect.stringMatching(/a queue in a\.job\.js and to another in c\.job\.js/),
  });
});

test.each([
  ["no path", [], /add --jobs/],
  ["a path that is not there", ["gone"], /--jobs gone: there is no such path/],
  ["a folder without job files", ["empty"], /no file below it is named job\.ts/],
  ["a file that throws", ["broken.job.ts"], /broken\.job\.ts could not be loaded: alas/],
  ["a file without a job", ["none.job.ts"], /exports no job; write export const/],
])("%s is refused with the fix", async (_name, paths, message) => {
  write("empty/readme.md", "");
  write("broken.job.ts", `throw new Error("alas");`);
  write("none.job.ts", "export const x: number = 1;");
  await expect(load(...paths)).rejects.toThrow(message);
});

test.skipIf("typescript" in process.features && process.features.typescript)(
  "compiled TypeScript is kept where nobody else can plant it (where Node does not strip types)",
  async () => {
    write("typed.job.ts", job("typed"));
    await load("typed.job.ts");
    expect(existsSync(path.join(cwd, ".cache"))).toBe(true);
  },
);
