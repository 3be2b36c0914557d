import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { Child } from "./child-process.ts";
import { startProcess } from "./process.ts";

const SERVER = join(import.meta.dirname, "../../packages/server");
const MAIN = join(SERVER, "bin/millrace.mjs");

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** A folder for MILLRACE_HOME, removed with the test; root lets the database's account pass through it. */
export function newHome(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "home");
}

/** Commands that need a process of their own: they load jobs, or take the process over. */
export const OWN_PROCESS: ReadonlySet<string> = new Set([
  "start",
  "api",
  "worker",
  "scheduler",
  "maintenance",
  "autoscale",
  "deploy",
  "replay",
]);

interface Surroundings {
  input?: string;
  cwd?: string;
}

/**
 * Runs the built command to its end. `env` is all it sees of Millrace's variables. It runs in the test's own process where it can:
 * to start another takes ten times as long as what most commands do.
 */
export function millrace(
  args: string[],
  env: Record<string, string | undefined> = {},
  surroundings: Surroundings = {},
): Promise<Answer> {
  if (OWN_PROCESS.has(args[0] ?? "")) return millraceProcess(args, env, surroundings);
  return millraceInside(args, env, surroundings);
}

/** The same as a process, at the most a minute. */
export function millraceProcess(
  args: string[],
  env: Record<string, string | undefined> = {},
  { input, cwd }: Surroundings = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd, env: environment(env), timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error?.code ?? 0;
        if (typeof code === "number") resolve({ code, stdout, stderr });
        else
          reject(new Error(`millrace ${args.join(" ")} did not end by itself`, { cause: error }));
      },
    );
    child.stdin?.on("error", () => {}).end(input ?? "");
  });
}

/** As it was built, like all that tests try. */
function built() {
  return Promise.all([
    import("../../packages/server/dist/cli/cli.js"),
    import("../../packages/server/dist/cli/execute.js"),
  ]);
}

async function millraceInside(
  args: string[],
  env: Record<string, string | undefined>,
  { input = "", cwd = process.cwd() }: Surroundings,
): Promise<Answer> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await runInside(
    args,
    { env: environment(env), cwd, input },
    { stdout: (text) => stdout.push(text), stderr: (text) => stderr.push(text) },
  );
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** Runs a command that needs no process of its own here, with nothing of this process but what it is given. @returns its exit code */
export async function runInside(
  args: string[],
  { env, cwd, input }: { env: NodeJS.ProcessEnv; cwd: string; input: string },
  { stdout, stderr }: { stdout(text: string): unknown; stderr(text: string): unknown },
): Promise<number> {
  const [{ Cli }, { execute }] = await built();
  const cli = new Cli({
    env,
    cwd: () => cwd,
    stdin: Readable.from([Buffer.from(input)]),
    stdout: { write: stdout },
    stderr: { write: stderr },
  });
  return await execute(cli, args);
}

/** Starts a command that serves; it is killed with the test at the latest. */
export function startMillrace(
  args: string[],
  env: Record<string, string | undefined> = {},
): Promise<Child> {
  return startProcess(process.execPath, [MAIN, ...args], { env: environment(env) });
}

/** The same outside a test: whoever launches it ends it. */
export function launch(
  args: string[],
  env: Record<string, string | undefined> = {},
  { cwd }: { cwd?: string } = {},
): Promise<Child> {
  return Child.start(process.execPath, [MAIN, ...args], {
    env: environment(env),
    ...(cwd !== undefined && { cwd }),
  });
}

/** Waits until the started server is ready, and answers its address. */
export async function addressOf(server: Child): Promise<string> {
  const [, address] = await server.waitForLine(/address +(http:\S+),/, { deadlineMs: 60_000 });
  await server.waitForLine(/^Ready\./, { deadlineMs: 60_000 });
  return address!;
}

/** What a process of a test inherits, without what the tester's shell may say about Millrace. */
function environment(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const clean = Object.keys(process.env)
    .filter((name) => name === "DATABASE_URL" || name.startsWith("MILLRACE_"))
    .map((name) => [name, undefined]);
  return { ...process.env, ...Object.fromEntries(clean), ...env };
}
