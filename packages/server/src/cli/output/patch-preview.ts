import type { PatchPreview } from "@millrace/core/api";
import { harmless, harmlessJson } from "./harmless.ts";
import type { Screen } from "./screen.ts";

/** What a patch makes of one input, for people: before, after, and whether the job takes it. */
export function printPreview(screen: Screen, preview: PatchPreview): void {
  const { runId, job, before, after, accepted, problem } = preview;
  const mark = accepted ? screen.style("green", "✓") : screen.style("red", "✕");
  screen.line(`${mark} ${harmless(job)} ${runId}`);
  screen.line(`  ${screen.style("gray", "before")} ${harmlessJson(before)}`);
  if (problem?.code !== "invalid_patch") {
    screen.line(`  ${screen.style("gray", "after ")} ${harmlessJson(after)}`);
  }
  if (problem) screen.line(`  ${screen.style("gray", "but   ")} ${harmless(problem.detail)}`);
}
