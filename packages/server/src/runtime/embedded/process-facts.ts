import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";

import { toolEnvironment } from "./child-process.ts";

/** A killed process stays a zombie while its parent does not reap it (containers); signal 0 still reaches it then. */
export function processState(pid: number): "running" | "zombie" | "gone" {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return "gone";
  }
  if (process.platform === "win32") return "running";
  const state = process.platform === "linux" ? linuxStat(pid)?.[0] : ps(pid, "stat")?.[0];
  if (state === undefined) return "gone";
  return state === "Z" || state === "X" ? "zombie" : "running";
}

/** Arguments joined by blanks; on Windows the line of `tasklist`. Undefined when it cannot be known. */
export function commandLine(pid: number): string | undefined {
  if (process.platform === "linux") {
    return attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
  }
  if (process.platform === "win32") {
    return output("tasklist", ["/FI", `PID eq ${pid}`, "/FO", "CSV", "/NH"]);
  }
  return ps(pid, "command");
}

/** Whether the process works in `folder`, where every process of PostgreSQL does. Undefined when it cannot be known. */
export function worksIn(pid: number, folder: string): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  return attempt(() => {
    const [one, other] = [statSync(`/proc/${pid}/cwd`), statSync(folder)];
    return one.dev === other.dev && one.ino === other.ino;
  });
}

/** Unix seconds; undefined when it cannot be known. A clock that was set since makes it wrong. */
export function startedAt(pid: number): number | undefined {
  if (process.platform === "linux") {
    const ticks = linuxStat(pid)?.[19];
    const boot = attempt(() => /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
    return ticks === undefined || boot === undefined
      ? undefined
      : Number(boot) + Number(ticks) / 100;
  }
  const started = process.platform === "win32" ? undefined : ps(pid, "lstart");
  const seconds = started === undefined ? Number.NaN : Date.parse(`${started} UTC`) / 1000;
  return Number.isNaN(seconds) ? undefined : seconds;
}

/** Processes of PostgreSQL that work in `data`, from /proc; none where there is no /proc. */
export function postgresProcessesIn(data: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => worksIn(pid, data) === true && (commandLine(pid) ?? "").includes("postgres"));
}

/** The fields from the state on, after the name in brackets, which may hold blanks and brackets itself. */
function linuxStat(pid: number): string[] | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function ps(pid: number, field: string): string | undefined {
  return output("ps", ["-o", `${field}=`, "-p", String(pid)]);
}

function output(tool: string, args: string[]): string | undefined {
  return attempt(() =>
    execFileSync(tool, args, { encoding: "utf8", env: toolEnvironment, stdio: "pipe" }).trim(),
  );
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
