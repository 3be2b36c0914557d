import { formatDuration } from "@millrace/core";
import type { Attempt, Published, Run, RunStep } from "@millrace/core/api";
import { printEvidence } from "./evidence.ts";
import { harmless, harmlessJson, harmlessLines } from "./harmless.ts";
import type { Screen } from "./screen.ts";
import { type Column, printTable } from "./table.ts";
import { age, count, localTime, styledState, took } from "./words.ts";

/** What is longer hides the rest of the page. */
const MAX_JSON = 1000;

/** A run as one line, such as `✓ Completed report 0192… in 1.2 s`. */
export function runLine(screen: Screen, run: Run): string {
  const length = run.finishedAt && took(run.startedAt ?? run.createdAt, run.finishedAt, 0);
  const tries = run.attempt > 1 ? ` after ${count(run.attempt, "attempt")}` : "";
  const state = styledState(screen, run.state);
  return `${state} ${harmless(run.job)} ${run.id}${length ? ` in ${length}` : ""}${tries}`;
}

/** Everything about a run, for people. */
export function printRun(
  screen: Screen,
  run: Run,
  published: readonly Published[],
  now: number,
): void {
  screen.line(runLine(screen, run));
  for (const [label, text] of facts(run, now)) {
    screen.line(`  ${screen.style("gray", label.padEnd(11))} ${text}`);
  }
  if (run.attempts.length > 0) {
    screen.line();
    printTable(screen, attemptColumns(now), run.attempts);
  }
  printEvidence(screen, run.attempts);
  if (run.steps.length > 0) {
    screen.line();
    const earlier = run.stepCount - run.steps.length;
    if (earlier > 0)
      screen.line(`  ${count(earlier, "earlier step")}: see GET /api/v1/runs/${run.id}/steps`);
    printTable(screen, stepColumns(now), run.steps);
  }
  if (published.length > 0) {
    screen.line();
    printTable(screen, PUBLISHED_COLUMNS, published);
  }
  const stack = run.attempts.findLast(({ error }) => error?.stack)?.error?.stack;
  if (stack && run.state !== "completed") {
    screen.line();
    for (const line of harmlessLines(stack)) screen.line(`  ${line}`);
  }
  if (run.timeline.length > 0) screen.line();
  for (const { at, event, actor, detail } of run.timeline) {
    const by = actor ? ` by ${actor}` : "";
    const more = detail ? ` ${harmlessJson(detail)}` : "";
    screen.line(`  ${localTime(at)}  ${harmless(`${event}${by}`)}${more}`);
  }
}

function* facts(run: Run, now: number): Generator<[label: string, text: string]> {
  if (run.error && run.state !== "completed") {
    yield ["error", harmless(`${run.error.class}: ${run.error.message}`)];
  }
  if (run.reason && run.reason !== run.error?.class) yield ["why", harmless(run.reason)];
  if (run.failures + run.losses > 0) {
    yield ["attempts", `${run.attempt}: ${run.failures} failed, ${run.losses} lost`];
  }
  const priority = run.priority === 0 ? "" : `, priority ${run.priority}`;
  yield ["queue", harmless(`${run.queue}${priority}`)];
  yield ["cause", harmless(causeOf(run))];
  if (run.scheduledFor) yield ["for", harmless(`${run.scheduledFor} of schedule ${run.schedule}`)];
  yield ["created", `${localTime(run.createdAt)} (${age(run.createdAt, now)} ago)`];
  if (run.runAt) yield ["due", localTime(run.runAt)];
  if (run.idempotencyKey) yield ["key", harmless(run.idempotencyKey)];
  if (run.correlationId) yield ["correlation", harmless(run.correlationId)];
  if (run.trace) yield ["trace", harmless(run.trace.url ?? run.trace.id)];
  if (run.cancelRequestedAt) yield ["cancel", `asked for ${age(run.cancelRequestedAt, now)} ago`];
  if (run.progress) yield ["progress", progressText(run.progress)];
  if (run.children) yield ["children", childrenText(run.children)];
  yield ["input", shortJson(run.input)];
  if (run.continuedAs) yield ["continued", `as ${run.continuedAs}`];
  if (run.output !== null) yield ["output", shortJson(run.output)];
  if (run.reruns.length > 0) yield ["reruns", run.reruns.join(", ")];
}

function causeOf({ continuedFrom, rerunOf, parent, trigger }: Run): string {
  if (continuedFrom) return `continued from ${continuedFrom} (${trigger})`;
  if (rerunOf) return `rerun of ${rerunOf}`;
  if (!parent) return trigger;
  const use = parent.ordinal > 1 ? ` (${parent.ordinal})` : "";
  return `step ${parent.step}${use} of run ${parent.run}`;
}

/** Such as `3 open, 997 completed`. */
function childrenText({ later, ...ended }: NonNullable<Run["children"]>): string {
  const each = Object.entries({ ...ended, "not started": later });
  return each.flatMap(([state, runs]) => (runs > 0 ? [`${runs} ${state}`] : [])).join(", ");
}

function shortJson(value: unknown): string {
  const json = harmlessJson(value);
  const more = json.length - MAX_JSON;
  return more <= 0 ? json : `${json.slice(0, MAX_JSON)}… (${more} characters more: --json)`;
}

function progressText({ done, total, message }: NonNullable<Run["progress"]>): string {
  const share = total ? ` (${Math.floor((done / total) * 100)} %)` : "";
  return `${done}${total === null ? "" : `/${total}`}${share}${message ? ` ${harmless(message)}` : ""}`;
}

function attemptColumns(now: number): Column<Attempt>[] {
  return [
    { title: "TRY", text: (attempt) => attempt.number, right: true },
    { title: "OUTCOME", text: (attempt) => attempt.outcome },
    { title: "WORKER", text: (attempt) => attempt.worker, right: true },
    { title: "STARTED", text: (attempt) => localTime(attempt.startedAt) },
    {
      title: "TOOK",
      text: ({ durationMs, startedAt }) =>
        durationMs === null ? took(startedAt, null, now) : formatDuration(durationMs),
      right: true,
    },
    {
      title: "ERROR",
      text: ({ error }) => (error ? `${error.class}: ${error.message}` : ""),
    },
  ];
}

const PUBLISHED_COLUMNS: Column<Published>[] = [
  { title: "PUBLISHED", text: ({ key }) => key },
  { title: "AT", text: ({ at }) => localTime(at) },
  { title: "VALUE", text: ({ value }) => shortJson(value) },
];

function stepColumns(now: number): Column<RunStep>[] {
  return [
    {
      title: "STEP",
      text: ({ name, ordinal }) => (ordinal > 1 ? `${name} (${ordinal})` : name),
    },
    { title: "KIND", text: (step) => step.kind },
    { title: "TRY", text: (step) => step.attempt, right: true },
    { title: "BEGAN", text: (step) => localTime(step.startedAt) },
    {
      title: "TOOK",
      text: ({ startedAt, finishedAt }) => took(startedAt, finishedAt, now),
      right: true,
    },
  ];
}
