import { ChildCancelledError, ChildFailedError, ChildTimeoutError } from "../child-errors.ts";
import { refusal } from "./refusal.ts";

/** Why a child did not complete. */
export interface ChildFailure {
  /** The child. In `job.call` no run is on record, and this is the nil UUID. */
  readonly runId: string;
  readonly job: string;
  /** The class of its last error; `ChildCancelledError` for one that was cancelled. */
  readonly errorClass: string;
  readonly errorMessage: string;
}

/** How one child of a fan-out with `failures: "collect"` ended. */
export type FanOutResult<Output> =
  | { readonly status: "fulfilled"; readonly value: Output }
  | { readonly status: "rejected"; readonly reason: ChildFailure };

/** Why children gave nothing, as it is on record. */
type RecordedFailure =
  | {
      kind: "failed";
      runId: string;
      job: string;
      errorClass: string | null;
      errorMessage: string | null;
    }
  | { kind: "cancelled" | "timeout"; runId: string; job: string }
  | { kind: "too large"; bytes: number };

/** The error that the JSON text of a failure stands for. */
export function childError(text: string, what: string): Error {
  const failure = JSON.parse(text) as RecordedFailure;
  switch (failure.kind) {
    case "failed":
      return failedError(failure);
    case "cancelled":
      return new ChildCancelledError(failure.runId, failure.job);
    case "timeout":
      return new ChildTimeoutError(failure.runId, failure.job);
    case "too large":
      return refusal(
        "step_too_large",
        `${what}: what its runs gave has ${failure.bytes} bytes so far, more than a run may keep; let them store the data and return references to it`,
      );
  }
}

function failedError(failure: Extract<RecordedFailure, { kind: "failed" }>): ChildFailedError {
  const { runId, job, errorClass, errorMessage } = failure;
  return new ChildFailedError(runId, job, errorClass ?? "Error", errorMessage ?? "");
}

/** The results of a fan-out that collects failures, from their JSON text. */
export function collectedResults(text: string): FanOutResult<unknown>[] {
  type Entry =
    | { status: "fulfilled"; value: unknown }
    | { status: "rejected"; reason: RecordedFailure };
  return (JSON.parse(text) as Entry[]).map((entry) => {
    if (entry.status === "fulfilled") return { status: "fulfilled", value: entry.value };
    return { status: "rejected", reason: failureOf(childError(JSON.stringify(entry.reason), "")) };
  });
}

/** What one of a fan-out tells of its end. */
export function failureOf(error: Error): ChildFailure {
  if (error instanceof ChildFailedError) {
    const { runId, job, errorClass, errorMessage } = error;
    return { runId, job, errorClass, errorMessage };
  }
  const { runId, job, name, message } = error as ChildCancelledError;
  return { runId, job, errorClass: name, errorMessage: message };
}
