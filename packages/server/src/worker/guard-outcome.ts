import { type Failure, toFailure } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import type { Job } from "@millrace/sdk";
import type { Outcome } from "../engine/settle.ts";
import type { Masks } from "../security/masks.ts";
import { withoutUrlPasswords } from "../telemetry/redact.ts";
import { requireNoSecret } from "./guard-record.ts";
import { toldText } from "./told-text.ts";

/** How an attempt ended, as it may be told: errors without secrets and without the passwords of URLs, and, of a job that gets some, no output or input that contains one. */
export function guardOutcome(outcome: Outcome, { name: job, secrets }: Job, masks: Masks): Outcome {
  const exposable = secrets.length > 0 && !masks.empty;
  switch (outcome.verdict) {
    case "complete":
      return outcome.output === null || !exposable
        ? outcome
        : unlessExposed(outcome, outcome.output, `output of ${job}`, masks);
    case "continue":
      return !exposable
        ? outcome
        : unlessExposed(outcome, outcome.input, `input of the next run of ${job}`, masks);
    case "retry":
    case "fail":
      return { ...outcome, failure: masked(outcome.failure, masks) };
    case "release":
      return outcome.failure ? { ...outcome, failure: masked(outcome.failure, masks) } : outcome;
    case "stop":
      return { ...outcome, failure: outcome.failure && masked(outcome.failure, masks) };
    case "crash":
      return {
        ...outcome,
        failure: masked(outcome.failure, masks),
        evidence: maskedEvidence(outcome.evidence, masks),
      };
    case "park":
      return { ...outcome, message: toldText(outcome.message, masks) };
    default:
      return outcome;
  }
}

/** Another attempt would give the same. */
function unlessExposed(outcome: Outcome, json: string, what: string, masks: Masks): Outcome {
  try {
    requireNoSecret(json, what, masks);
    return outcome;
  } catch (error) {
    const { leaseId, runId } = outcome;
    const failure = { ...toFailure(error), class: "InvalidOutput", stack: null };
    return { leaseId, runId, verdict: "fail", failure };
  }
}

function masked({ class: name, message, stack }: Failure, masks: Masks): Failure {
  return {
    class: masks.mask(name),
    message: toldText(message, masks),
    stack: stack && toldText(stack, masks),
  };
}

function maskedEvidence(evidence: Evidence, masks: Masks): Evidence {
  const { lastLine, said } = evidence;
  return {
    ...evidence,
    lastLine: lastLine && toldText(lastLine, masks),
    said: said && withoutUrlPasswords(masks.maskTail(said)),
  };
}
