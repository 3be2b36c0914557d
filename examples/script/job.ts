import { dirname } from "node:path";
import { NonRetryableError, defineJob } from "@millrace/sdk";
import { z } from "zod";
import { Capture } from "./capture.ts";
import { environmentFor } from "./environment.ts";
import { locate } from "./locate.ts";
import { type Exit, ProcessGroup } from "./process-group.ts";

const argument = z
  .string()
  .max(8192)
  .refine((text) => !text.includes("\0"), "no NUL character");

/**
 * The codes of sysexits.h by which a program says that trying again is pointless: 64 (usage) to 78 (configuration), but
 * for 75, which says "try again later".
 */
const HOPELESS = [64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 76, 77, 78];

const input = z.strictObject({
  script: z.string().min(1).max(1000),
  args: z.array(argument).max(100).default([]),
  payload: z.json().default({}),
  timeoutSeconds: z.number().min(0.1).max(3600).default(300),
  nonRetryableExitCodes: z.array(z.int().min(1).max(255)).max(255).default(HOPELESS),
});

export const script = defineJob({
  name: "script",
  description:
    "Runs an executable with the payload as JSON on stdin; its output becomes the run's log and result.",
  input,
  // Nobody knows whether a script may be repeated harmlessly: it is told the idempotency key, and tried thrice.
  retry: { maxAttempts: 3, firstDelay: "5s" },
  // Above the highest timeoutSeconds, so that the script's own limit is the one that speaks.
  timeout: "65m",
  run: async ({ script: name, args, payload, timeoutSeconds, nonRetryableExitCodes }, ctx) => {
    if (process.platform === "win32") {
      throw new NonRetryableError("script needs process groups, which Windows has not");
    }
    const file = await locate(name);
    ctx.signal.throwIfAborted();
    const group = new ProcessGroup(file, args, {
      cwd: dirname(file),
      env: environmentFor(ctx),
      stdin: `${JSON.stringify(payload)}\n`,
    });
    const capture = new Capture(ctx.log);
    const limit = AbortSignal.timeout(timeoutSeconds * 1000);
    const stop = AbortSignal.any([ctx.signal, limit]);
    let stopped = false;
    const end = () => {
      stopped = true;
      void group.end();
    };
    stop.addEventListener("abort", end);
    const exited = group.exited.finally(() => stop.removeEventListener("abort", end));
    try {
      const [exit] = await Promise.all([
        exited,
        capture.stdout(group.stdout),
        capture.stderr(group.stderr),
      ]);
      capture.finish();
      // Whatever its exit code: it may have been in the middle of its work.
      if (stopped) {
        ctx.signal.throwIfAborted();
        throw new Error(`${name} took longer than ${timeoutSeconds} s`);
      }
      if (exit.code === 0) return outputOf(capture);
      throw failure(name, exit, capture.lastComplaint, nonRetryableExitCodes);
    } catch (error) {
      throw startFailure(name, error) ?? error;
    }
  },
});

/** The script's own JSON, or what it said last. */
function outputOf(capture: Capture): unknown {
  const result = capture.result();
  return result ? result.json : { exitCode: 0, lastLine: capture.lastLine };
}

function failure(name: string, exit: Exit, complaint: string, hopeless: number[]): Error {
  const how =
    exit.code === null ? `was killed by ${exit.signal}` : `ended with exit code ${exit.code}`;
  const message = `${name} ${how}${complaint && `: ${complaint}`}`;
  const pointless = exit.code !== null && hopeless.includes(exit.code);
  return pointless ? new NonRetryableError(message) : new Error(message);
}

/** A file that the system cannot execute: it will not learn to. */
function startFailure(name: string, error: unknown): NonRetryableError | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (!syscall?.startsWith("spawn")) return undefined;
  if (code === "ENOENT" || code === "EACCES" || code === "ENOEXEC") {
    return new NonRetryableError(
      `${name} cannot be started (${code}): is its first line the path of a program that exists, such as #!/usr/bin/env python3?`,
    );
  }
  return undefined;
}
