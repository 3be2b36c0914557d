import type { Failure } from "@millrace/core";

/** An error that nobody handled, as those are told of it who collect errors. Without input, output and secrets. */
export interface ErrorReport {
  level: "fatal" | "error" | "warning";
  failure: Failure;
  /** The same for errors that somebody would mend together. */
  fingerprint: readonly string[];
  /** Where it happened, in few words: the job, or the part of the server. */
  where: string;
  /** By which it is looked for; bounded texts. */
  tags: Readonly<Record<string, string>>;
  /** What else is known of it. */
  facts: Readonly<Record<string, string | number>>;
  /** 32 hexadecimal digits, of the trace that it belongs to. */
  traceId?: string | undefined;
}

export type ReportError = (report: ErrorReport) => void;
