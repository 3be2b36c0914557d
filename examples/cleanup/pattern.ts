import picomatch from "picomatch";

/** Tells whether a path, relative to the folder and with `/` between its parts, is meant. */
export type Matches = (path: string) => boolean;

const MAX_LENGTH = 256;

/**
 * Why a pattern is not taken, or undefined.
 *
 * Parentheses would be handed to a regular expression as they stand, and many wildcards in one name make it try all ways
 * to share the letters out: with three, a name of 255 letters costs at most milliseconds.
 */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length === 0 || pattern.length > MAX_LENGTH) return `1 to ${MAX_LENGTH} characters`;
  if (pattern.includes("\0")) return "no NUL character";
  if (/[()|+\\]/.test(pattern)) return "no ( ) | + or \\";
  if (pattern.startsWith("!")) return "no pattern of what to spare: list what to delete";
  const parts = pattern.split("/");
  if (parts[0] === "" || parts.includes("..") || parts.includes(".")) {
    return "relative to the folder, without . and ..";
  }
  if (parts.filter((part) => part === "**").length > 3) return "at most three ** in a pattern";
  const crowded = parts.some((part) => part !== "**" && (part.match(/[*{[]/g) ?? []).length > 3);
  return crowded ? "at most three of * { [ between two slashes" : undefined;
}

/** Glob patterns as in a shell: `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` across folders; hidden files only by a dot. */
export function matcher(patterns: readonly string[]): Matches {
  // The flag: a name may have line ends in it.
  const options = { nonegate: true, noextglob: true, maxLength: MAX_LENGTH, flags: "s" };
  const all = patterns.map((pattern) => picomatch(pattern, options));
  return (path) => all.some((matches) => matches(path));
}
