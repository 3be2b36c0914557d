/** What a thread of the pool runs: one handler at a time, which talks with the worker through a port of its own. */
import type { MessagePort } from "node:worker_threads";
import { Aborted } from "@millrace/sdk";
import { IsolatedContext } from "./isolated-context.ts";
import type { Command, Ended, IsolatedRun, Notice } from "./protocol.ts";
import { runIsolated } from "./run-isolated.ts";

export interface ThreadTask {
  run: IsolatedRun;
  port: MessagePort;
}

export async function runInThread({ run, port }: ThreadTask): Promise<Ended> {
  const context = new IsolatedContext(run, (notice: Notice) => port.postMessage(notice));
  port.on("message", (command: Command) => {
    if ("abort" in command) context.abort(new Aborted(command.abort.why, command.abort.message));
    if ("answer" in command) context.checkpoints.answer(command.answer);
    if ("called" in command) context.calls.answer(command.called);
  });
  port.postMessage({ ready: true } satisfies Notice);
  try {
    return await runIsolated(run, context, (span) => port.postMessage({ span } satisfies Notice));
  } finally {
    port.close();
  }
}
