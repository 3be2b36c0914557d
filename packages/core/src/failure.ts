/** An error as it crosses a process boundary and stays on record. */
export interface Failure {
  /** The error's class, such as `TypeError`; `Error` when nothing better is known. */
  readonly class: string;
  readonly message: string;
  readonly stack: string | null;
  /** What it is told by, where that cannot be made of its texts because they are encrypted. */
  readonly fingerprint?: string;
}

const MAX_MESSAGE = 8 * 1024;
const MAX_STACK = 32 * 1024;

/** Anything may be thrown; whatever it is, this gives a bounded record that PostgreSQL can store. Never throws. */
export function toFailure(thrown: unknown): Failure {
  try {
    if (thrown instanceof Error) {
      return {
        class: storable(className(thrown), 200),
        message: storable(String(thrown.message), MAX_MESSAGE),
        stack: typeof thrown.stack === "string" ? storable(withCauses(thrown), MAX_STACK) : null,
      };
    }
    return { class: "NotAnError", message: storable(describe(thrown), MAX_MESSAGE), stack: null };
  } catch {
    return { class: "NotAnError", message: "the thrown value cannot be described", stack: null };
  }
}

function className(error: Error): string {
  return error.name && error.name !== "Error" ? error.name : (error.constructor?.name ?? "Error");
}

function describe(thrown: unknown): string {
  return typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown));
}

function withCauses(error: Error): string {
  const parts = [error.stack ?? String(error)];
  for (let cause = error.cause, depth = 0; cause !== undefined && depth < 5; depth++) {
    parts.push(`Caused by: ${cause instanceof Error ? (cause.stack ?? cause) : describe(cause)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return parts.join("\n");
}

/** PostgreSQL's text holds neither NUL nor half a surrogate pair. */
function storable(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max)}… (cut)` : text;
  return cut.toWellFormed().replaceAll("\0", "\uFFFD");
}
