import path from "node:path";
import { MillraceError, toFailure } from "@millrace/core";
import { type Job, checkInput, divergenceOf, isContinuation, isJob } from "@millrace/sdk";
import { type Import, moduleImporter } from "../../runtime/import-module.ts";
import { type JudgedFailure, judgeFailure } from "../judge-failure.ts";
import type { WireSpan } from "../../telemetry/tracing/wire-span.ts";
import { outputText } from "../output-text.ts";
import type { IsolatedContext } from "./isolated-context.ts";
import type { Ended, IsolatedRun } from "./protocol.ts";
import { tracedHere } from "./traced-here.ts";

/** Makes an attempt here, in the thread or process that is there for it. Never rejects. */
export async function runIsolated(
  run: IsolatedRun,
  context: IsolatedContext,
  onSpan: (span: WireSpan) => void,
): Promise<Ended> {
  let job: Job;
  try {
    job = await loadJob(run);
  } catch (error) {
    return { unloaded: toFailure(error) };
  }
  // After its code: where that brings an SDK of its own, that one records.
  const within = run.trace ? await tracedHere(run.trace, onSpan) : undefined;
  const { suspended } = context.checkpoints;
  const ended = await Promise.race([
    within ? within(() => handle(job, run, context)) : handle(job, run, context),
    suspended.then((suspension): Ended => ({ suspended: suspension })),
  ]);
  context.conclude();
  // Whatever the handler has made of it.
  return context.diverged ? { diverged: context.diverged.message } : ended;
}

async function handle(job: Job, run: IsolatedRun, context: IsolatedContext): Promise<Ended> {
  try {
    context.definition = job;
    const checked: unknown = await checkInput(job, run.input);
    const value: unknown = await Promise.race([job.handle(checked, context), context.ending.left]);
    // Whatever the handler has made of it.
    if (context.refused) throw context.refused;
    if (isContinuation(value)) {
      const end = await context.unwind(value);
      if ("unwound" in end) return end;
      if (end.thrown !== value) return { judged: judge(end.thrown, job) };
    }
    return outputOf(value, run.job, context);
  } catch (thrown) {
    const diverged = divergenceOf(thrown);
    if (diverged !== undefined) return { diverged };
    const end = await context.unwind(thrown);
    return "unwound" in end ? end : { judged: judge(end.thrown, job) };
  }
}

function judge(thrown: unknown, job: Job): JudgedFailure {
  const judged = judgeAnything(thrown, job);
  const { answer } = judged;
  if (answer.retry !== "after" || Number.isFinite(answer.ms)) return judged;
  // JSON has no Infinity; the worker cuts what is longer than it lets a run wait.
  return { ...judged, answer: { ...answer, ms: Number.MAX_SAFE_INTEGER } };
}

function judgeAnything(thrown: unknown, job: Job): JudgedFailure {
  try {
    return judgeFailure(thrown, job);
  } catch {
    return judgeFailure(new Error("the handler threw something that cannot be looked at"), job);
  }
}

function outputOf(value: unknown, job: string, { continuing }: IsolatedContext): Ended {
  try {
    continuing.requireReturned(value);
    if (isContinuation(value)) return { continued: value.input };
    return { output: outputText(value, job) };
  } catch (error) {
    return { invalidOutput: toFailure(error) };
  }
}

const importers = new Map<string, Import>();

async function loadJob({ file, cacheFolder, job: name }: IsolatedRun): Promise<Job> {
  const importer = importers.get(cacheFolder) ?? moduleImporter(cacheFolder);
  importers.set(cacheFolder, importer);
  const job = Object.values(await load(importer, file)).find(
    (value): value is Job => isJob(value) && value.name === name,
  );
  if (job) return job;
  throw new MillraceError(
    "jobs_not_loaded",
    `${path.basename(file)} does not export a job named ${name} any more; start the worker again after a change`,
  );
}

async function load(importer: Import, file: string): Promise<Record<string, unknown>> {
  try {
    return await importer(file);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new MillraceError(
      "jobs_not_loaded",
      `${path.basename(file)} could not be loaded: ${message}`,
      { cause: error },
    );
  }
}
