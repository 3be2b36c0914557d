/**
 * What a process of the pool runs: one handler at a time, told by the worker over the channel that it was started with. It
 * ends when the worker closes the channel, and is ended by its {@link file://./lifeline-thread.ts lifeline} when the
 * worker dies.
 */
import { Worker as Thread } from "node:worker_threads";
import { Aborted } from "@millrace/sdk";
import { siblingModule } from "../../runtime/sibling-module.ts";
import { IsolatedContext } from "./isolated-context.ts";
import type { Command, IsolatedRun, Notice } from "./protocol.ts";
import { runIsolated } from "./run-isolated.ts";

let context: IsolatedContext | undefined;

const toWorker = process.send!.bind(process);
// Some libraries speak up when they find that they have a parent.
delete process.send;

function send(notice: Notice): void {
  // The worker may be gone; the lifeline sees to that.
  toWorker(notice, undefined, undefined, () => {});
}

async function start(run: IsolatedRun): Promise<void> {
  context = new IsolatedContext(run, send);
  const ended = await runIsolated(run, context, (span) => send({ span }));
  context = undefined;
  send({ ended });
}

process.on("message", (command: Command) => {
  if ("start" in command) void start(command.start);
  else if ("answer" in command) context?.checkpoints.answer(command.answer);
  else if ("called" in command) context?.calls.answer(command.called);
  else context?.abort(new Aborted(command.abort.why, command.abort.message));
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C and a service manager may mean the whole group: when this process is to end, the worker says so.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const lifeline = new Thread(siblingModule(import.meta.url, "lifeline-thread"), {
  // Its own share of the memory that the handler may take.
  resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  workerData: { pid: process.pid },
});
lifeline.unref();
lifeline.once("online", () => send({ ready: true }));
