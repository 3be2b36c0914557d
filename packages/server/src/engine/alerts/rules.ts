import {
  ALERT_KINDS,
  type AlertKind,
  type AlertKindName,
  MillraceError,
  type Severity,
  alertScope,
  isAlertKind,
  isOfProjects,
} from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import {
  countAlertRules,
  deleteAlertRule,
  lockAlertRules,
  putAlertRule,
  readAlertRule,
} from "../../store/alert-rules.ts";
import type { Database } from "../../store/database.ts";
import type { Queryable } from "../../store/statement.ts";
import { asCaller } from "../as-caller.ts";
import { CALL_BOUNDS_S } from "../call-times.ts";
import { nameTaken } from "../project-to-be.ts";
import { alertingProject } from "./alerting-project.ts";
import { type EffectiveRule, builtIn, effectiveRule } from "./effective-rule.ts";

/** Each is looked at four times a minute. */
const MOST_RULES = 300;
const MOST_OF_PROJECT = 50;

/** What workers tell is kept for two hours. */
const LONGEST_WINDOW_MS = 3_600_000;

const LEAST_WINDOW_MS = 60_000;

/** Ten years: what ends, or is overdue, by more is no instant that could be asked for. */
const MOST_SECONDS = 315_360_000;

const LONGEST_FOR_MS = 24 * 3_600_000;

/** What a rule is to be; what is undefined stays as it was, and null is as its kind has it. */
export interface GivenRule {
  /** Needed when it is made; stays. */
  kind: string | undefined;
  /** The queue, job, host or schedule that it is about; null for all. */
  subject: string | null | undefined;
  threshold: number | null | undefined;
  forMs: number | null | undefined;
  windowMs: number | null | undefined;
  severity: Severity | null | undefined;
  enabled: boolean | undefined;
  /** Of whose alone it is to be, when it is made. */
  project: string | undefined;
}

/**
 * Makes a rule, or changes one.
 *
 * @returns whether it was made
 * @throws MillraceError `forbidden`, `project_not_found`; `name_taken` by another project; `invalid_request` for what is missing, or means nothing
 */
export function setAlertRule(
  db: Database,
  caller: Caller,
  name: string,
  given: GivenRule,
): Promise<{ rule: EffectiveRule; created: boolean }> {
  return asCaller(db, caller, "administer", "own", async (tx) => {
    await lockAlertRules(tx);
    const [before] = await readAlertRule(tx, name);
    const known = before ?? (isAlertKind(name) ? { kind: name, project: null } : undefined);
    if (known) requireOwn(caller, name, known.project);
    const kind = kindOf(known, given.kind);
    const project = known
      ? known.project
      : await alertingProject(tx, caller, given.project, `rule ${name}`);
    if (!known) await requireRoom(tx, project);
    const threshold = stays(given.threshold, before?.threshold);
    const forMs = stays(given.forMs, before?.for_ms);
    const windowMs = stays(given.windowMs, before?.window_ms);
    const subject = stays(given.subject, before?.subject);
    requireSense(kind, { project, subject, threshold, forMs, windowMs });
    const [row] = await putAlertRule(
      tx,
      name,
      kind,
      project,
      subject,
      threshold,
      forMs,
      windowMs,
      stays(given.severity, before?.severity),
      given.enabled ?? before?.enabled ?? true,
      caller.name,
    );
    return { rule: effectiveRule(row!)!, created: !known };
  });
}

/**
 * Removes a rule; one that was there from the beginning is as it was then instead. What it fires about is over at the next round.
 *
 * @returns the rule that is no more, or as it is now
 * @throws MillraceError `forbidden`, `alert_rule_not_found`
 */
export function removeAlertRule(
  db: Database,
  caller: Caller,
  name: string,
): Promise<EffectiveRule> {
  return asCaller(db, caller, "administer", { alertRule: name }, async (tx) => {
    await lockAlertRules(tx);
    const [row] = await deleteAlertRule(tx, name);
    if (isAlertKind(name)) return builtIn(name);
    const rule = row && effectiveRule(row);
    if (rule) return rule;
    throw new MillraceError(
      "alert_rule_not_found",
      `there is no alert rule ${JSON.stringify(name)}; GET /api/v1/alert-rules lists them`,
    );
  });
}

function stays<T>(given: T | null | undefined, before: T | null | undefined): T | null {
  return given === undefined ? (before ?? null) : given;
}

function requireOwn({ projects }: Caller, name: string, project: string | null): void {
  if (projects === null || (project !== null && projects.includes(project))) return;
  throw nameTaken(`alert rule ${name}`);
}

function kindOf(before: { kind: string } | undefined, asked: string | undefined): AlertKindName {
  const kind = before?.kind ?? asked;
  if (kind === undefined) throw wrong("kind", "say it when the rule is made");
  if (asked !== undefined && asked !== kind) {
    throw wrong("kind", `the rule is of the kind ${kind}, and stays so; make another rule`);
  }
  if (isAlertKind(kind)) return kind;
  throw wrong("kind", `${JSON.stringify(kind)} is none of ${Object.keys(ALERT_KINDS).join(", ")}`);
}

async function requireRoom(tx: Queryable, project: string | null): Promise<void> {
  const [count] = await countAlertRules(tx, project);
  const full = project === null ? false : count!.of_project >= MOST_OF_PROJECT;
  if (!full && count!.all < MOST_RULES) return;
  throw new MillraceError(
    "invalid_request",
    `there are ${MOST_RULES} alert rules at the most, and ${MOST_OF_PROJECT} of a project; remove one first`,
  );
}

function requireSense(
  kind: AlertKindName,
  {
    project,
    subject,
    threshold,
    forMs,
    windowMs,
  }: {
    project: string | null;
    subject: string | null;
    threshold: number | null;
    forMs: number | null;
    windowMs: number | null;
  },
): void {
  const { unit, windowMs: looksBack }: AlertKind = ALERT_KINDS[kind];
  if (project !== null && !isOfProjects(kind)) {
    throw wrong("kind", `${kind} is about the whole installation, and so not of one project`);
  }
  if (subject !== null && alertScope(kind) === undefined) {
    throw wrong("subject", `a rule of the kind ${kind} is about nothing that has a name`);
  }
  if (threshold !== null && threshold < 0) throw wrong("threshold", "it must not be negative");
  if (threshold !== null && unit === "share" && threshold >= 1) {
    throw wrong("threshold", "it is a share: write less than 1, such as 0.2 for a fifth");
  }
  if (threshold !== null && unit === "seconds" && threshold > MOST_SECONDS) {
    throw wrong("threshold", `it must be ${MOST_SECONDS} s (ten years) at the most`);
  }
  const longest = CALL_BOUNDS_S.at(-1)!;
  if (threshold !== null && kind === "downstream-latency" && threshold >= longest) {
    throw wrong("threshold", `calls are told apart up to ${longest} s; write fewer seconds`);
  }
  if (forMs !== null && forMs > LONGEST_FOR_MS) throw wrong("for", "it must be 24h at the most");
  if (windowMs === null) return;
  if (looksBack === undefined) {
    throw wrong("window", `a rule of the kind ${kind} looks at what is so at the moment`);
  }
  if (windowMs < LEAST_WINDOW_MS || windowMs > LONGEST_WINDOW_MS) {
    throw wrong("window", "it must be 1m at the least and 1h at the most");
  }
}

function wrong(field: string, why: string): MillraceError {
  return new MillraceError("invalid_request", `/${field}: ${why}`, { pointer: `/${field}` });
}
