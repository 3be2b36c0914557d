import type { Screen } from "./screen.ts";
import { harmless, harmlessJson, harmlessLines } from "./harmless.ts";
import { styledLevel } from "./level.ts";

/**
 * Where a logger may write for people at a terminal: takes its JSON lines and prints short ones, such as
 * `09:14:02 WARN  the message run=…`.
 */
export function prettyLogStream(screen: Screen): { write(line: string): void } {
  return {
    write: (text) => {
      for (const line of text.split("\n")) if (line !== "") print(screen, line);
    },
  };
}

function print(screen: Screen, line: string): void {
  const { time, level = "info", msg = "", err, ...fields } = JSON.parse(line) as LogLine;
  const clock = time === undefined ? "" : new Date(time).toTimeString().slice(0, 8);
  const word = styledLevel(screen, level);
  const pairs = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : harmlessJson(value)}`,
  );
  const more = screen.style("gray", harmless(pairs.join(" ")));
  screen.line([clock, word, harmless(msg), more].filter(Boolean).join(" "));
  if (err === undefined) return;
  const lines = harmlessLines(err.stack ?? err.message ?? "");
  for (const text of level === "error" ? lines : lines.slice(0, 1)) screen.line(`         ${text}`);
}

interface LogLine {
  time?: string;
  level?: string;
  msg?: string;
  err?: { message?: string; stack?: string };
  [field: string]: unknown;
}
