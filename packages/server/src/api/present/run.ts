import { type Json, readTraceContext } from "@millrace/core";
import type {
  AcceptedRun,
  Attempt,
  LogLine,
  Parent,
  Run,
  RunLine,
  RunStep,
  RunSummary,
  TimelineEntry,
} from "@millrace/core/api";
import type { EnqueuedRun } from "../../engine/enqueue.ts";
import type { ParentRow } from "../../store/children.ts";
import type { TimelineRow } from "../../store/events.ts";
import type { LogRow } from "../../store/run-log.ts";
import type { RunLineRow } from "../../store/search-lines.ts";
import type { AttemptRow, RunRow } from "../../store/runs.ts";
import type { StepRow } from "../../store/steps.ts";
import { instant } from "./instant.ts";
import { type Holds, reasonOf } from "./reason.ts";

export function presentAccepted(run: EnqueuedRun): AcceptedRun {
  return { id: run.id, created: run.created, queue: run.queue, runAt: instant(run.dueAt) };
}

export function presentSummary(run: RunRow, holds: Holds, now: Date): RunSummary {
  return {
    id: run.id,
    job: run.job,
    queue: run.queue,
    state: run.state,
    reason: reasonOf(run, holds, now),
    priority: run.priority,
    version: run.version,
    // The row counts the attempts that have ended.
    attempt: run.attempts + (run.state === "running" ? 1 : 0),
    failures: run.failures,
    losses: run.losses,
    trigger: run.trigger,
    correlationId: run.correlation_id,
    idempotencyKey: run.idempotency_key,
    rerunOf: run.rerun_of,
    continuedFrom: run.continued_from,
    continuedAs: run.continued_as,
    schedule: run.schedule,
    scheduledFor: instant(run.scheduled_for),
    createdAt: instant(run.created_at),
    runAt: instant(run.due_at),
    expiresAt: instant(run.expires_at),
    startedAt: instant(run.started_at),
    finishedAt: instant(run.finished_at),
    worker: run.worker_id,
    error: presentError(run),
    fields: run.fields ?? {},
  };
}

export function presentAttempt(row: AttemptRow): Attempt {
  const error = presentError(row);
  return {
    number: row.number,
    outcome: row.outcome as Attempt["outcome"],
    worker: row.worker_id,
    startedAt: instant(row.started_at),
    finishedAt: instant(row.finished_at),
    durationMs: row.finished_at && row.finished_at.getTime() - row.started_at.getTime(),
    error: error && { ...error, stack: row.error_stack },
    evidence: row.evidence,
  };
}

export function presentStep(row: StepRow): RunStep {
  const { name, ordinal, kind, attempt } = row;
  return {
    ...{ name, ordinal, kind, attempt },
    startedAt: instant(row.started_at),
    finishedAt: instant(row.finished_at),
  };
}

export function presentParent({ parent, name, ordinal, number }: ParentRow): Parent {
  return { run: parent, step: name, ordinal, number };
}

/**
 * The trace in which a run was asked for. One that only refers to a trace has others, which are not known here.
 *
 * @param url with `{traceId}` in the place of the id; undefined where nobody has said it
 */
export function presentTrace(carried: string | null, url: string | undefined): Run["trace"] {
  const read = readTraceContext(carried);
  if (!read || read.linked) return null;
  return { id: read.traceId, url: url?.replaceAll("{traceId}", read.traceId) ?? null };
}

export function presentTimelineEntry(row: TimelineRow): TimelineEntry {
  return {
    at: instant(row.at),
    event: row.event,
    actor: row.actor,
    // Read from jsonb, so it is JSON.
    detail: row.detail as TimelineEntry["detail"],
  };
}

export function presentLogLine(row: LogRow): LogLine {
  return { ...row, at: instant(row.at), fields: isObject(row.fields) ? row.fields : null };
}

export function presentRunLine({ run_id: run, job, ...row }: RunLineRow): RunLine {
  // A search answers how far it has come beside each line.
  const { seq, attempt, at, level, step, message, fields } = row;
  return { run, job, ...presentLogLine({ seq, attempt, at, level, step, message, fields }) };
}

function presentError(row: {
  error_class: string | null;
  error_message: string | null;
}): { class: string; message: string } | null {
  return row.error_class === null
    ? null
    : { class: row.error_class, message: row.error_message ?? "" };
}

function isObject(value: Json | null): value is { [key: string]: never } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
