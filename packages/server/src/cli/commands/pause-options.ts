import { MillraceError } from "@millrace/core";
import { type Command, InvalidArgumentError } from "commander";
import { durationOption } from "./options.ts";

/** What a command that pauses takes. */
export interface PauseOptions {
  reason?: string;
  for?: string;
  until?: string;
}

export function addPauseOptions(command: Command): Command {
  return command
    .option("--reason <text>", "for whoever wonders why")
    .option("--for <duration>", "resume by itself after so long, such as 1h", checkedDuration)
    .option(
      "--until <instant>",
      "resume by itself then, such as 2026-01-31T18:00:00Z",
      instantOption,
    );
}

/**
 * The options as the API takes them.
 *
 * @throws MillraceError `invalid_usage`
 */
export function pauseBody({ reason, for: length, until }: PauseOptions): object {
  if (length !== undefined && until !== undefined) {
    throw new MillraceError("invalid_usage", "give --for or --until, not both");
  }
  return { reason, for: length, until };
}

/** For commander: a duration that is longer than nothing, as it was written. */
export function checkedDuration(text: string): string {
  if (durationOption(text) < 1) throw new InvalidArgumentError("It must be longer than nothing.");
  return text;
}

/** For commander: an instant as the API takes it. */
export function instantOption(text: string): string {
  const at = new Date(text);
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new InvalidArgumentError("Write an instant, such as 2026-01-31T18:00:00Z.");
}
