import { ERROR_CODES, type ErrorCode, MillraceError, durationMs } from "@millrace/core";
import type { CreateRun } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import type { RunRequest } from "../engine/intake.ts";
import { correlationId } from "./request-identity.ts";

/**
 * A run as the intake takes it.
 *
 * @param key its idempotency key when the body gives none
 * @param path where it stands in the body
 * @throws MillraceError `invalid_request`
 */
export function runRequest(
  run: CreateRun,
  request: FastifyRequest,
  key?: string,
  path = "",
): RunRequest {
  return {
    job: run.job,
    input: run.input,
    trigger: "api",
    queue: run.queue,
    priority: run.priority,
    runAt: run.runAt === undefined ? undefined : storableInstant(run.runAt, `${path}/runAt`),
    delayMs: run.delay === undefined ? undefined : durationMs(run.delay, "delay"),
    ttlMs: run.ttl === undefined ? undefined : durationMs(run.ttl, "ttl"),
    idempotencyKey: run.idempotencyKey ?? key,
    correlationId: run.correlationId ?? correlationId(request) ?? request.id,
    projects: request.caller.projects,
  };
}

/**
 * An instant that PostgreSQL reads as JavaScript writes it: in the years 1 to 9999.
 *
 * @throws MillraceError `invalid_request`
 */
export function storableInstant(text: string, pointer: string): Date {
  const at = new Date(text);
  const year = at.getUTCFullYear();
  if (year >= 1 && year <= 9999) return at;
  throw new MillraceError("invalid_request", `${pointer}: give a year from 1 to 9999`, { pointer });
}

/** Where the fields of a run stand in a request's body. */
export interface Fields {
  job: string;
  input: string;
  queue: string;
}

/** An error about a run, with its pointer into the request instead of into the run's input. */
export function placed(error: unknown, fields: Fields): unknown {
  if (!(error instanceof MillraceError)) return error;
  const place = placeOf(error.code, fields);
  return place === undefined ? error : placedAt(error, place, [error.code]);
}

function placeOf(code: ErrorCode, { job, input, queue }: Fields): string | undefined {
  switch (code) {
    case "unknown_job":
    case "job_disabled":
      return job;
    case "queue_not_found":
    case "queue_drained":
    case "queue_full":
      return queue;
    case "invalid_input":
    case "invalid_json":
    case "payload_too_large":
      return input;
    default:
      return undefined;
  }
}

/** An error of one of these codes, with its pointer into the request, where the value stands that it is about. */
export function placedAt(error: unknown, place: string, codes: readonly ErrorCode[]): unknown {
  if (!(error instanceof MillraceError) || !codes.includes(error.code)) return error;
  return new MillraceError(error.code, error.message, {
    pointer: `${place}${error.pointer ?? ""}`,
    cause: error,
  });
}

/** Whether an error is the caller's, so that it belongs into a list of results; any other fails the request. */
export function isRefusal(error: unknown): error is MillraceError {
  return error instanceof MillraceError && ERROR_CODES[error.code].status < 500;
}
