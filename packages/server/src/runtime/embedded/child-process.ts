import { spawn, spawnSync } from "node:child_process";

import type { Account } from "./account.ts";

export type Environment = Readonly<Record<string, string>>;

/**
 * What children see instead of our environment, which may hold secrets. The C locale keeps PostgreSQL's messages in the
 * words that we look for. On Windows libuv adds PATH, SystemRoot, TEMP and the like by itself.
 */
export const toolEnvironment: Environment = {
  ...(process.platform === "win32" ? {} : { PATH: "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin" }),
  LC_ALL: "C",
  TZ: "UTC",
};

/** Options for `spawn`: as the database's account, which also drops root's supplementary groups. */
export function asAccount(
  account: Account | undefined,
  environment: Environment = toolEnvironment,
): { uid?: number; gid?: number; env: Environment; windowsHide: true } {
  const ids = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  return { ...ids, env: environment, windowsHide: true };
}

/** True when the account passes the shell's test of `file` (`-x` on a folder: may pass through). The kernel decides, so ACLs count. */
export function accountCan(account: Account, test: "-x" | "-r", file: string): boolean {
  const asked = spawnSync("/bin/sh", ["-c", 'test "$1" "$2"', "sh", test, file], {
    ...asAccount(account),
    cwd: "/",
    stdio: "ignore",
  });
  return asked.status === 0;
}

export interface ToolResult {
  /** Null when the program could not be started or was killed by a signal. */
  code: number | null;
  output: string;
}

/** Runs one of PostgreSQL's tools to its end and collects what it said. */
export function runTool(
  program: string,
  args: readonly string[],
  options: { account: Account | undefined; environment: Environment; cwd: string },
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...asAccount(options.account, options.environment),
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => resolve({ code: null, output: error.message }));
    child.on("close", (code) => resolve({ code, output: output.trim() }));
  });
}
