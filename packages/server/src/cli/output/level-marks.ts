import type { Style } from "./screen.ts";

/** How well something is; never told by colour alone. */
export const LEVEL_MARKS: Record<"ok" | "warn" | "bad", { icon: string; style: Style }> = {
  ok: { icon: "✓", style: "green" },
  warn: { icon: "!", style: "yellow" },
  bad: { icon: "✕", style: "red" },
};
