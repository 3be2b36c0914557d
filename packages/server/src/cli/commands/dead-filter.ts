import { MillraceError } from "@millrace/core";
import type { DeadLetterFilter } from "@millrace/core/api";
import type { Command } from "commander";
import { jsonOption, sinceOption } from "./options.ts";

/** Which dead letters a command is about. */
export interface FilterOptions {
  job?: string;
  queue?: string;
  fingerprint?: string;
  class?: string;
  since?: string;
  until?: string;
  text?: string;
}

const WHEN = "30m, 1h, 2d ago, or an instant such as 2026-01-31T08:00Z";

export function withFilterOptions(command: Command): Command {
  return command
    .option("--job <name>", "of this job only")
    .option("--queue <name>", "of this queue only")
    .option("--fingerprint <fingerprint>", "of this group only: see millrace dead groups")
    .option("--class <name>", "whose error is of this class, such as TypeError")
    .option("--since <when>", `failed since: ${WHEN}`, sinceOption)
    .option("--until <when>", `failed before: ${WHEN}`, sinceOption)
    .option("--text <text>", "with this in the error's message, in whatever case");
}

/** Which dead letters a command acts on when it is given no ids. */
export interface AllOptions extends FilterOptions {
  all?: boolean;
  dryRun?: boolean;
  wait?: boolean;
  json?: boolean;
}

/** Ids, or all that match; `--dry-run` is the command's own, for each shows something else. */
export function withAllOptions(command: Command): Command {
  const chosen = command
    .argument("[run...]", "ids of dead letters")
    .option("--all", "all that match the filters, as an operation");
  return withFilterOptions(chosen)
    .option("-w, --wait", "with --all: wait for its end, and show its progress")
    .addOption(jsonOption());
}

export function filterOf(options: FilterOptions): DeadLetterFilter {
  const { job, queue, fingerprint, class: errorClass, since, until, text } = options;
  const filter = { job, queue, fingerprint, errorClass, since, until, text };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/**
 * Whether a command is about all that match (`--all`, with or without a filter) or about the ids that it was given.
 *
 * @throws MillraceError `invalid_usage` for both, for neither, and for a filter beside ids
 */
export function isAboutAll(
  ids: readonly string[],
  options: FilterOptions & { all?: boolean },
): boolean {
  const filtered = Object.keys(filterOf(options)).length > 0;
  if (ids.length > 0 && (options.all || filtered)) {
    throw usage("give ids of dead letters, or --all with filters, not both");
  }
  if (ids.length === 0 && !options.all) {
    throw usage(
      filtered
        ? "add --all to do it to all that match; --dry-run tells how many these are"
        : "which? give ids of dead letters, or --all with filters such as --job NAME",
    );
  }
  return options.all === true;
}

/** @throws MillraceError `invalid_usage` */
export function refuseWithoutAll(options: object, names: readonly string[]): void {
  refuseWithout("all", options, names);
}

/** @throws MillraceError `invalid_usage` */
export function refuseWithout(needed: string, options: object, names: readonly string[]): void {
  const given = names.find((name) => (options as Record<string, unknown>)[name] !== undefined);
  if (given !== undefined)
    throw usage(`--${given === "dryRun" ? "dry-run" : given} goes with --${needed}`);
}

function usage(message: string): MillraceError {
  return new MillraceError("invalid_usage", message);
}
