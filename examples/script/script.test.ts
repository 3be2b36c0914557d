import { execFile } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type LogFields, isNonRetryable } from "@millrace/sdk";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { isAlive } from "../../test/support/is-alive.ts";
import { until } from "../../test/support/until.ts";
import { Capture } from "./capture.ts";
import { script } from "./job.ts";

const PYTHON = "#!/usr/bin/env python3\n";
const SHELL = "#!/bin/sh\n";

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "millrace-script-")));
  process.env.SCRIPT_ROOT = root;
});

afterEach(async () => {
  delete process.env.SCRIPT_ROOT;
  await rm(root, { recursive: true });
});

async function put(name: string, text: string, mode = 0o755): Promise<void> {
  await writeFile(join(root, name), text);
  await chmod(join(root, name), mode);
}

type Entry = { level: string; message: string; fields: LogFields | undefined };

function recorder() {
  const entries: Entry[] = [];
  const write = (level: string) => (message: string, fields?: LogFields) =>
    void entries.push({ level, message, fields });
  const log = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
  return { entries, log };
}

type Input = Parameters<typeof script.call>[0];

async function run(input: Input, signal?: AbortSignal) {
  const { entries, log } = recorder();
  const output = await script.call(input, { log, ...(signal && { signal }) });
  return { output, entries };
}

async function failureOf(input: Input): Promise<Error> {
  return await run(input).then(
    ({ output }) => {
      throw new Error(`it did not fail, and gave ${JSON.stringify(output)}`);
    },
    (error: Error) => error,
  );
}

async function refusal(input: Input): Promise<string> {
  const error = await failureOf(input);
  expect(isNonRetryable(error), String(error)).toBe(true);
  return error.message;
}

test("the shipped word count takes its payload from stdin and gives its last line as output", async () => {
  delete process.env.SCRIPT_ROOT;
  const { output, entries } = await run({
    script: "wordcount.py",
    payload: { text: "Der Müller mahlt, der Bach rauscht, der Müller singt.", top: 2 },
  });
  expect(output).toEqual({
    words: 9,
    distinct: 6,
    top: [
      ["der", 3],
      ["müller", 2],
    ],
  });
  expect(entries[0]).toEqual({
    level: "info",
    message: "counting 9 words",
    fields: { stream: "stdout" },
  });
});

test("an exit code of sysexits.h fails the run at once; any other is tried again", async () => {
  delete process.env.SCRIPT_ROOT;
  const outcome = async (exitCode: number, more: object = {}) => {
    const error = await failureOf({ script: "fails.py", payload: { exitCode }, ...more });
    expect(error.message).toBe(`fails.py ended with exit code ${exitCode}: the input is of no use`);
    return isNonRetryable(error) ? "fail" : "retry";
  };
  expect(await outcome(1)).toBe("retry");
  expect(await outcome(64)).toBe("fail");
  expect(await outcome(78)).toBe("fail");
  // EX_TEMPFAIL.
  expect(await outcome(75)).toBe("retry");
  expect(await outcome(3, { nonRetryableExitCodes: [3] })).toBe("fail");
  expect(await outcome(64, { nonRetryableExitCodes: [3] })).toBe("retry");
});

test("all of stdout may be JSON, or its last line, or neither", async () => {
  const outputOf = async (printed: string) => {
    await put("says", `${SHELL}cat <<'END'\n${printed}\nEND\n`);
    return (await run({ script: "says" })).output;
  };
  expect(await outputOf(`{\n  "a": [1,\n 2]\n}\n\n`)).toEqual({ a: [1, 2] });
  expect(await outputOf(`working\n{"a": 1}\n\n`)).toEqual({ a: 1 });
  expect(await outputOf(`{"a": 1}\ndone`)).toEqual({ exitCode: 0, lastLine: "done" });
  expect(await outputOf("")).toEqual({ exitCode: 0, lastLine: "" });
  // What the database could not store is no result.
  expect(await outputOf(`{"a": "\\u0000"}`)).toMatchObject({ exitCode: 0 });
  expect(await outputOf(`{"a": "\\ud800"}`)).toMatchObject({ exitCode: 0 });
  expect(await outputOf(`{"a": "\\\\u0000 \\ud83d\\ude00"}`)).toEqual({ a: "\\u0000 😀" });
});

test("arguments are handed over as they are: no shell looks at them", async () => {
  await put("args", `${PYTHON}import sys, json\nprint(json.dumps(sys.argv[1:]))\n`);
  const args = ["$(id)", "a b", "*", "; rm -rf /", "--", "'\"", "", "-x\ny"];
  expect((await run({ script: "args", args })).output).toEqual(args);
});

test("the worker's environment stays with the worker, but for what the operator lists", async () => {
  Object.assign(process.env, { DATABASE_URL: "postgres://secret", TEST_A: "a", TEST_B: "b" });
  process.env.SCRIPT_ENV_ALLOW = "TEST_A, TEST_MISSING";
  onTestFinished(() => {
    for (const name of ["DATABASE_URL", "TEST_A", "TEST_B", "SCRIPT_ENV_ALLOW"])
      delete process.env[name];
  });
  await put(
    "env",
    `#!${process.execPath}
console.log(JSON.stringify(process.env))
`,
  );
  const output = (await run({ script: "env" })).output as Record<string, string>;
  expect(output).toMatchObject({ TEST_A: "a", MILLRACE_ATTEMPT: "1" });
  expect(output.MILLRACE_IDEMPOTENCY_KEY).toBe(output.MILLRACE_RUN_ID);
  const allowed =
    /^(PATH|HOME|LANG|LC_ALL|TZ|TMPDIR|TEST_A|MILLRACE_(RUN_ID|ATTEMPT|IDEMPOTENCY_KEY))$/;
  expect(Object.keys(output).filter((name) => !allowed.test(name))).toEqual([]);
});

test("only an executable file inside the root is run", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "millrace-elsewhere-"));
  onTestFinished(() => rm(elsewhere, { recursive: true }));
  await writeFile(join(elsewhere, "x"), `${SHELL}echo ran > ${elsewhere}/ran\n`);
  await chmod(join(elsewhere, "x"), 0o755);
  await symlink(join(elsewhere, "x"), join(root, "link"));
  await symlink(elsewhere, join(root, "folder"));
  await mkdir(join(root, "sub"));
  for (const path of [join(elsewhere, "x"), "/bin/sh", "../x", "sub/../../x", "link", "folder/x"]) {
    expect(await refusal({ script: path }), path).toContain("outside its root");
  }
  await expect(readFile(join(elsewhere, "ran"))).rejects.toThrow("ENOENT");
  expect(await refusal({ script: "none" })).toContain("ENOENT");
  expect(await refusal({ script: "sub" })).toContain("is not a file");
  await put("plain", SHELL, 0o644);
  expect(await refusal({ script: "plain" })).toContain("chmod +x");
  await put("lost", "#!/no/such/program\n");
  expect(await refusal({ script: "lost" })).toContain("first line");
});

test("a script that takes too long is ended with all that it started", async () => {
  await put(
    "long",
    `${SHELL}sleep 1000 & echo "child $!"; sh -c 'sleep 1000 & echo "child $!"; wait' & echo "child $!"; wait\n`,
  );
  const { entries, log } = recorder();
  await expect(script.call({ script: "long", timeoutSeconds: 8 }, { log })).rejects.toThrow(
    "long took longer than 8 s",
  );
  await expectAllGone(entries, 3);
});

test("one that ignores SIGTERM is killed after the grace", { timeout: 60_000 }, async () => {
  await put("deaf", `${SHELL}trap '' TERM; echo "child $$"; while :; do sleep 1; done\n`);
  const { entries, log } = recorder();
  await expect(script.call({ script: "deaf", timeoutSeconds: 6 }, { log })).rejects.toThrow(
    "took longer",
  );
  await expectAllGone(entries, 1);
});

test("an abort ends the group, and what the script does on SIGTERM is heard", async () => {
  await put(
    "polite",
    `${SHELL}trap 'echo tidied; exit 0' TERM; sleep 1000 & echo "child $!"; echo ready; wait\n`,
  );
  const { entries, log } = recorder();
  const abort = new AbortController();
  const done = script.call({ script: "polite" }, { log, signal: abort.signal });
  done.catch(() => {});
  const said = (text: string) => () => entries.some(({ message }) => message === text);
  await until("it is ready", said("ready"));
  abort.abort(new Error("cancelled"));
  await expect(done).rejects.toThrow("cancelled");
  await until("it has tidied", said("tidied"));
  await expectAllGone(entries, 1);
});

test("what a script leaves in the background ends with it", async () => {
  await put("leaves", `${SHELL}sleep 1000 & echo "child $!"; exit 0\n`);
  const { entries, output } = await run({ script: "leaves" });
  expect(output).toMatchObject({ exitCode: 0 });
  await expectAllGone(entries, 1);
});

test("one that left the group on purpose, and holds the pipe, holds up nothing", async () => {
  await put(
    "daemon",
    `${PYTHON}import os, time\npid = os.fork()\nif pid == 0:\n    os.setsid()\n    time.sleep(1000)\nprint("child", pid, flush=True)\n`,
  );
  const { entries, output } = await run({ script: "daemon" });
  expect(output).toMatchObject({ exitCode: 0 });
  // The one thing that we cannot end; the documentation says so.
  for (const pid of pidsIn(entries)) process.kill(pid, "SIGKILL");
});

test("a process that ends takes its scripts with it", async () => {
  await put("long", `${SHELL}echo "child $$" >> ${root}/pids; exec sleep 1000\n`);
  const runner = fileURLToPath(new URL("../call.test-runner.mjs", import.meta.url));
  // Ends itself as soon as the script runs.
  const ends = `import fs from "node:fs";
    setInterval(() => fs.statSync(${JSON.stringify(join(root, "pids"))}, { throwIfNoEntry: false })?.size && process.exit(3), 20);`;
  const child = execFile(process.execPath, [
    `--import=data:text/javascript,${encodeURIComponent(ends)}`,
    runner,
    ...["script/job.ts", "script", `{"script":"long"}`],
  ]);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(3);
  const pid = Number((await readFile(join(root, "pids"), "utf8")).split(" ")[1]);
  await until("the script is gone", () => !isAlive(pid));
});

test("a script killed by a signal is tried again", async () => {
  await put("crash", `${SHELL}kill -SEGV $$\n`);
  const error = await failureOf({ script: "crash" });
  expect(error.message).toBe("crash was killed by SIGSEGV");
  expect(isNonRetryable(error)).toBe(false);
});

test("a payload that nobody reads, and one of a megabyte, are no trouble", async () => {
  await put("deaf", `${SHELL}exec <&-; echo '"ok"'\n`);
  const payload = "x".repeat(1_000_000);
  expect((await run({ script: "deaf", payload })).output).toBe("ok");
  await put("counts", `${PYTHON}import sys, json\nprint(len(json.load(sys.stdin)))\n`);
  expect((await run({ script: "counts", payload })).output).toBe(1_000_000);
});

test("binary output and endless lines are cut to what a log can hold", async () => {
  await put(
    "binary",
    `${PYTHON}import sys\nsys.stdout.buffer.write(bytes(range(256)) * 10 + b"\\n" + b"x" * 5_000_000 + b"\\nend\\n")\n`,
  );
  const { output, entries } = await run({ script: "binary" });
  expect(output).toEqual({ exitCode: 0, lastLine: "end" });
  for (const { message } of entries) {
    expect(message.length).toBeLessThanOrEqual(4001);
    expect(message).not.toContain("\0");
    expect(message.isWellFormed()).toBe(true);
  }
  expect(entries.some(({ message }) => message.endsWith("x…"))).toBe(true);
});

test("120 MB of output fit into a heap of 40 MB", { timeout: 120_000 }, async () => {
  await put(
    "yes",
    `${SHELL}yes 'a line of output that says nothing' | head -c 70000000\nhead -c 50000000 /dev/zero\necho\necho '{"done": true}'\n`,
  );
  const runner = fileURLToPath(new URL("../call.test-runner.mjs", import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    "--max-old-space-size=40",
    runner,
    "script/job.ts",
    "script",
    `{"script":"yes"}`,
  ]);
  expect(JSON.parse(stdout)).toEqual({ done: true });
  const logged = stderr.trim().split("\n");
  expect(logged).toHaveLength(1001);
  expect(logged.at(-1)).toMatch(/\d+ more lines are not kept/);
});

test("a result is no longer than a quarter of a megabyte", async () => {
  const capture = new Capture(recorder().log);
  async function* bytes() {
    yield Buffer.from(JSON.stringify("x".repeat(300_000)));
  }
  await capture.stdout(bytes());
  expect(capture.result()).toBeUndefined();
});

test("a script that is missing from the input, or more time than there is, is refused as input", async () => {
  for (const bad of [
    {},
    { script: "" },
    { script: "x", timeoutSeconds: 7200 },
    { script: "x", args: ["\0"] },
    { script: "x", shell: true },
  ]) {
    await expect(run(bad as Input)).rejects.toMatchObject({ code: "invalid_input" });
  }
});

function pidsIn(entries: Entry[]): number[] {
  return entries.flatMap(({ message }) => {
    const pid = /^child (\d+)$/.exec(message)?.[1];
    return pid ? [Number(pid)] : [];
  });
}

async function expectAllGone(entries: Entry[], count: number): Promise<void> {
  const pids = pidsIn(entries);
  expect(pids).toHaveLength(count);
  await until("all of them are gone", () => pids.every((pid) => !isAlive(pid)));
}
