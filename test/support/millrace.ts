import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Child } from "./child-process.ts";
import { startProcess } from "./process.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");

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

/** Runs the built command to its end, at the most a minute. `env` is all it sees of Millrace's variables. */
export function millrace(
  args: string[],
  env: Record<string, string | undefined> = {},
  { input, cwd }: { input?: string; cwd?: string } = {},
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
