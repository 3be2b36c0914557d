/** A line of a file. */
export interface CodePlace {
  /** Its path, or whatever else the code came from. */
  readonly file: string;
  readonly line: number;
}

/** `at name (place:1:2)` or `at place:1:2`, as V8 writes them; with or without a scheme, and a query of whoever loaded it. */
const FRAME = /^\s*at (?:.+? \()?(?:async )?(?:file:\/\/)?(.+?)(?:\?[^:]*)?:(\d+):\d+\)?$/;

/**
 * Where a function was called that is being carried out now.
 *
 * @returns null where no stack says so
 */
export function callerOf(called: (...args: never[]) => unknown): CodePlace | null {
  const here: { stack?: string } = {};
  // The frames up to this function are left out: the first that stays is its caller's.
  Error.captureStackTrace(here, called);
  const [, frame = ""] = (here.stack ?? "").split("\n", 2);
  const [, file, line] = FRAME.exec(frame.slice(0, 1000)) ?? [];
  if (file === undefined || /^(?:node:|native$|<anonymous>)/.test(file)) return null;
  // An URL of Windows has a slash before its drive, and every URL may have what paths do not need to escape.
  const path = frame.includes("file://") ? decoded(file).replace(/^\/(?=[a-z]:)/i, "") : file;
  return { file: path, line: Number(line) };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
