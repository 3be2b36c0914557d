import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import { type StackSample, WorkerSample } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { jsonOption } from "./options.ts";

const ASK_EVERY_MS = 500;

/** Several times as long as a worker takes whose lease is the usual one. */
const PATIENCE_MS = 60_000;

export function workerStackCommand(cli: Cli): Command {
  return new Command("stack")
    .description("have a worker look what its main thread does, and show it")
    .argument("<id>", "its number, as the list has it")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, { json }: { json?: boolean }) => {
        const sample = await takeSample(apiClient(cli), `workers/${segment(id)}/stack`);
        if (json) cli.out.line(harmlessJson({ v: 1, ...sample }));
        else show(cli, sample);
        return EXIT.done;
      }),
    );
}

async function takeSample(api: ApiClient, path: string): Promise<StackSample> {
  const { asked } = await api.post(path, {}, WorkerSample);
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (performance.now() < giveUpAt) {
    const { sample } = await api.get(path, WorkerSample);
    if (sample && asked && sample.at >= asked.at) return sample;
    await pause(ASK_EVERY_MS);
  }
  throw new MillraceError(
    "took_too_long",
    `the worker has not answered within ${PATIENCE_MS / 1000} s; see in millrace workers whether it is seen, and ask again`,
  );
}

function show({ out }: Cli, { ms, answered, shares, stacks }: StackSample): void {
  if (!answered) {
    out.line(
      `Nobody could look: for ${ms} ms its main thread ran no JavaScript. It stands in native code, such as a call that waits for a file or another process.`,
    );
    return;
  }
  out.line(
    `Looked for ${ms} ms: ${percent(shares.code)} in functions, ${percent(shares.idle)} waiting for something to do, ${percent(shares.collecting)} collecting garbage, ${percent(shares.native)} in what is no JavaScript.`,
  );
  for (const { share, frames } of stacks) {
    frames.forEach((frame, depth) => {
      const head = depth === 0 ? percent(share).padStart(7) : " ".repeat(7);
      const place = out.style("gray", harmless(frame.place ?? "of the engine"));
      out.line(`${head}  ${"  ".repeat(Math.min(depth, 1))}${harmless(frame.function)}  ${place}`);
    });
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
