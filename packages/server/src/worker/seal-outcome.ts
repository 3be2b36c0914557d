import { type Failure, fingerprintOf, toFailure } from "@millrace/core";
import type { Job } from "@millrace/sdk";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import type { Outcome } from "../engine/settle.ts";
import type { ClaimedRun } from "../store/claim.ts";

/** How an attempt ended, as it may be kept of a run that is about somebody. */
export function sealOutcome(
  outcome: Outcome,
  seal: RunSeal,
  run: Pick<ClaimedRun, "input">,
  { name, subject }: Job,
): Outcome {
  switch (outcome.verdict) {
    case "complete":
      return outcome.output === null
        ? outcome
        : { ...outcome, output: seal.json("output", outcome.output) };
    case "continue":
      return subject ? continued(outcome, seal, run.input, subject, name) : outcome;
    case "retry":
    case "fail":
      return { ...outcome, failure: sealFailure(outcome.failure, seal) };
    case "crash": {
      const { lastLine, said } = outcome.evidence;
      const evidence = { ...outcome.evidence, lastLine: lastLine && null, said: said && null };
      return { ...outcome, failure: sealFailure(outcome.failure, seal), evidence };
    }
    case "release":
      return outcome.failure
        ? { ...outcome, failure: sealFailure(outcome.failure, seal) }
        : outcome;
    case "stop":
      return { ...outcome, failure: outcome.failure && sealFailure(outcome.failure, seal) };
    default:
      return outcome;
  }
}

/** A name that somebody gave a class, and no sentence. */
const CLASS = /^[\p{L}_$][\p{L}\p{N}_$.]{0,99}$/u;

/** Failures are told apart by their class and where they were thrown: what they say is of one subject each. */
export function sealFailure(failure: Failure, seal: RunSeal): Failure {
  const name = CLASS.test(failure.class) ? failure.class : "Error";
  const { message, stack } = failure;
  return {
    class: name,
    message: seal.text("error", message),
    stack: stack && seal.text("stack", stack),
    fingerprint: fingerprintOf({
      class: name,
      message: "",
      stack: stack && framesOf(stack, message),
    }),
  };
}

function framesOf(stack: string, message: string): string {
  const from = stack.indexOf(message);
  return from === -1 ? stack : stack.slice(from + message.length);
}

function continued(
  outcome: Extract<Outcome, { verdict: "continue" }>,
  seal: RunSeal,
  input: unknown,
  path: readonly string[],
  job: string,
): Outcome {
  try {
    return { ...outcome, input: seal.nextInput(outcome.input, path, job, input) };
  } catch (error) {
    // Another attempt would give the same.
    const { leaseId, runId } = outcome;
    const failure = { ...toFailure(error), class: "InvalidOutput", stack: null };
    return { leaseId, runId, verdict: "fail", failure: sealFailure(failure, seal) };
  }
}
