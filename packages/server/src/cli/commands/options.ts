import { InvalidArgumentError, Option } from "commander";
import { LONGEST_DURATION, durationMs, isTooLong } from "@millrace/core";

/** Options that several commands take. */
export const jsonOption = () => new Option("--json", "one JSON object a line, for programs");

export const jobsOption = () =>
  new Option(
    "-j, --jobs <path...>",
    "files of jobs, or folders with job.ts and *.job.ts files (MILLRACE_JOBS)",
  );

export const queuesOption = () =>
  new Option(
    "-q, --queues <names>",
    "take runs from these queues only, with weights: urgent=5,default (MILLRACE_QUEUES)",
  );

export const concurrencyOption = () =>
  new Option("-c, --concurrency <n>", "runs at the same time (MILLRACE_CONCURRENCY)");

/** One that may be given several times. */
export const severalOption = (flags: string, description: string) =>
  new Option(flags, description).argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);

export const onOption = () => new Option("--on", "switch it on");

/** @param besides what it does as well, such as "and drop what is to be sent" */
export const offOption = (besides?: string) =>
  new Option("--off", `switch it off${besides === undefined ? "" : `, ${besides}`}`).conflicts(
    "on",
  );

/** What {@link onOption} and {@link offOption} say: on, off, or as it was. */
export function switched({ on, off }: { on?: boolean; off?: boolean }): boolean | undefined {
  if (on) return true;
  return off ? false : undefined;
}

/** For commander: a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}

/** For commander: a duration such as 30s, as milliseconds. */
export function durationOption(text: string): number {
  return readDuration(text, "");
}

/** For commander: a duration, as it was written. */
export function writtenDuration(text: string): string {
  durationOption(text);
  return text;
}

const OR_INSTANT = ", or an instant, such as 2026-01-31T08:00Z";

/** @param or what may be written instead */
function readDuration(text: string, or: string): number {
  if (isTooLong(text)) {
    throw new InvalidArgumentError(`It must not be longer than ${LONGEST_DURATION}.`);
  }
  try {
    return durationMs(text, "duration");
  } catch {
    throw new InvalidArgumentError(
      `Write a number and a unit of ms, s, m, h or d, such as 30s${or}.`,
    );
  }
}

/** For commander: an instant, or how long ago it was, as an instant of the API. */
export function sinceOption(text: string): string {
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) {
    return new Date(text).toISOString();
  }
  return new Date(Date.now() - readDuration(text, OR_INSTANT)).toISOString();
}

/** For commander: an instant to come, or how long until then, as an instant of the API. */
export function expiryOption(text: string): string {
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) {
    return new Date(text).toISOString();
  }
  return new Date(Date.now() + readDuration(text, OR_INSTANT)).toISOString();
}

/** For commander: a number in a range. */
export function numberOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Write a number from ${min} to ${max}.`);
  };
}
