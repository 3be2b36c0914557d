/**
 * Ends its process, and what that has started, when the worker is gone: the pipe between them closes then. A thread,
 * because a handler may keep the main one busy for ever.
 */
import { Socket } from "node:net";
import { workerData } from "node:worker_threads";

/** The pipe stands there in the list of what a child is started with; see process-child.ts. */
const LIFELINE_FD = 4;

const { pid } = workerData as { pid: number };

const pipe = new Socket({ fd: LIFELINE_FD, readable: true, writable: false });
pipe.on("error", end);
pipe.on("close", end);
pipe.resume();

function end(): void {
  try {
    // It leads a group of its own, where there are groups.
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    process.kill(pid, "SIGKILL");
  }
}
