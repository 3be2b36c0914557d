import { formatSize } from "@millrace/core";
import type { Attempt, Evidence } from "@millrace/core/api";
import { harmless, harmlessLines } from "./harmless.ts";
import type { Screen } from "./screen.ts";

const LANES: Record<Evidence["lane"], string> = {
  process: "in a process of its own",
  thread: "in a thread of its own",
  alone: "alone in its worker",
};

/** What is known of each attempt that ended what executed it. */
export function printEvidence(screen: Screen, attempts: readonly Attempt[]): void {
  const found = attempts.filter(({ evidence }) => evidence !== null);
  if (found.length === 0) return;
  screen.line();
  for (const { number, evidence } of found) {
    screen.line(`  try ${number} ran ${[...facts(evidence!)].join(", ")}`);
    for (const line of harmlessLines(evidence!.said ?? "")) screen.line(`    ${line}`);
  }
}

function* facts(evidence: Evidence): Generator<string> {
  const { died, exitCode, signal, memoryBytes, memoryLimitBytes, lastLine } = evidence;
  yield `${LANES[evidence.lane]}; the ${died} died`;
  if (evidence.outOfMemory) yield "out of memory";
  if (signal !== null) yield `signal ${harmless(signal)}`;
  if (exitCode !== null) yield `exit code ${exitCode}`;
  if (memoryBytes !== null) yield `memory ${formatSize(memoryBytes)}`;
  if (memoryLimitBytes !== null) yield `limit ${formatSize(memoryLimitBytes)}`;
  if (lastLine !== null) yield `last line: ${harmless(lastLine)}`;
}
