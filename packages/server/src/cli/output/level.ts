import { harmless } from "./harmless.ts";
import type { Screen, Style } from "./screen.ts";

const STYLES: Record<string, Style> = { debug: "gray", info: "cyan", warn: "yellow", error: "red" };

/** The level of a log line, as wide as any, such as `WARN `. */
export function styledLevel(screen: Screen, level: string): string {
  return screen.style(STYLES[level] ?? "white", harmless(level).toUpperCase().padEnd(5));
}
