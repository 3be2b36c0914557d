import {
  APPROVING_ROLES,
  type ApprovingRole,
  type Duration,
  STEP_LIMITS,
  byteLength,
  durationMs,
  toJsonText,
} from "@millrace/core";
import type { AskedApproval } from "./checkpoints.ts";
import { asFinal, refusal } from "./refusal.ts";

/** What a person has said. */
export interface Approval {
  readonly approved: boolean;
  /** Who: `api` for the server's own key, `key:` and its name for others; by a link what they have written as their name, which nobody has checked; null for nothing. */
  readonly by: string | null;
  readonly via: "api" | "link";
  readonly note: string | null;
  readonly at: Date;
}

/** By what people may answer who have no API key, where no role is asked for. */
export interface ApprovalLink {
  /** The address of a page that shows what is asked, and has two buttons. Whoever has it may answer: give it to nobody else. */
  readonly url: string;
  /** When the time to answer is over; null for never. */
  readonly until: Date | null;
  /** The same text in every attempt: hand it to what sends the message, so that a repeated request is recognised. */
  readonly idempotencyKey: string;
  /** That of the attempt. */
  readonly signal: AbortSignal;
}

/** What people are asked, and for how long. */
export interface ApprovalOptions {
  /** The question, as plain text: 1 to 2,000 characters. */
  ask: string;
  /** Whatever helps to decide, as JSON of up to 16 KiB: whoever is asked sees it. Default: nothing. */
  details?: unknown;
  /** How long to wait, from when the step is first called. Default: for as long as it takes. */
  timeout?: Duration;
  /**
   * Sends the link to those who are asked. Called when answers are taken already; recorded as a step of its own, `notify <name>`, and so
   * called again only where an attempt ended before that was on record. What it throws fails the attempt.
   */
  notify?: (link: ApprovalLink) => unknown;
  /**
   * The least role of an API key that may answer: `operator`, `editor` or `admin`. Then a link shows the question, and takes no answer. Default:
   * whoever may operate, and whoever has a link.
   */
  role?: ApprovingRole;
}

const KNOWN = ["ask", "details", "timeout", "notify", "role"];

/** What a step asks, checked. */
export interface CheckedApproval {
  readonly forMs: number | null;
  readonly approval: AskedApproval;
  readonly notify: ApprovalOptions["notify"];
}

/** @throws MillraceError `invalid_step` naming the option, `invalid_json` for details that JSON would lose */
export function approvalOf(given: ApprovalOptions, what: string): CheckedApproval {
  const refuse = (why: string): never => {
    throw refusal("invalid_step", `${what}: ${why}`);
  };
  if (typeof given !== "object" || given === null) refuse("give it options, with what to ask");
  const unknown = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (unknown) refuse(`${unknown} is not an option; the options are ${KNOWN.join(", ")}`);
  const { ask, details, timeout, notify, role } = given;
  if (!isQuestion(ask)) {
    refuse(`ask is the question as plain text, 1 to ${STEP_LIMITS.askLength} characters`);
  }
  if (role !== undefined && !APPROVING_ROLES.includes(role)) {
    refuse(`role is the least role that may answer: ${APPROVING_ROLES.join(", ")}`);
  }
  if (notify !== undefined && typeof notify !== "function") refuse("notify must be a function");
  const text =
    details === undefined ? null : asFinal(() => toJsonText(details, `${what}: details`));
  if (text !== null && byteLength(text) > STEP_LIMITS.detailsBytes) {
    refuse(
      `details have ${byteLength(text)} bytes, and ${STEP_LIMITS.detailsBytes} are allowed; say where to look for the rest`,
    );
  }
  return {
    forMs: timeout === undefined ? null : asFinal(() => durationMs(timeout, `${what}: timeout`)),
    approval: { ask, details: text, role: role ?? null },
    notify,
  };
}

function isQuestion(ask: unknown): boolean {
  return (
    typeof ask === "string" &&
    ask.trim() !== "" &&
    ask.length <= STEP_LIMITS.askLength &&
    !ask.includes("\0") &&
    ask.isWellFormed()
  );
}
