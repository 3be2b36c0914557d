import type { Profiler } from "node:inspector";
import { fileURLToPath } from "node:url";
import type { StackSample } from "@millrace/core/api";
import { placeInWords } from "../runtime/place-in-words.ts";

/** What is kept of a look: so that it fits into a row and onto a screen, whatever the code is like. */
const MAX_STACKS = 20;
const MAX_FRAMES = 12;
const MAX_NAME = 80;
const MAX_PLACE = 160;

/** What V8 calls the time in which no function runs. */
const NO_FUNCTION = {
  "(idle)": "idle",
  "(garbage collector)": "collecting",
  "(program)": "native",
  "(root)": "native",
} as const;

type Frame = StackSample["stacks"][number]["frames"][number];

/**
 * Where the time went of which a profile was taken.
 *
 * @param folder from which people know the files of the code
 */
export function sampleOf(
  profile: Profiler.Profile,
  ms: number,
  folder: string | undefined,
): Omit<StackSample, "at"> {
  const callers = new Map<number, Profiler.ProfileNode>();
  for (const node of profile.nodes)
    for (const child of node.children ?? []) callers.set(child, node);
  const total = profile.nodes.reduce((sum, { hitCount = 0 }) => sum + hitCount, 0);
  const shareOf = (hits: number) => (total === 0 ? 0 : Math.round((hits / total) * 1000) / 1000);
  const hits = { code: 0, idle: 0, collecting: 0, native: 0 };
  const hot: Profiler.ProfileNode[] = [];
  for (const node of profile.nodes) {
    const { hitCount = 0, callFrame } = node;
    const kind = NO_FUNCTION[callFrame.functionName as keyof typeof NO_FUNCTION];
    hits[kind ?? "code"] += hitCount;
    if (!kind && hitCount > 0) hot.push(node);
  }
  const hottest = hot.toSorted((a, b) => b.hitCount! - a.hitCount!).slice(0, MAX_STACKS);
  return {
    ms: Math.round(ms),
    answered: true,
    shares: {
      code: shareOf(hits.code),
      idle: shareOf(hits.idle),
      collecting: shareOf(hits.collecting),
      native: shareOf(hits.native),
    },
    stacks: hottest.map((node) => ({
      share: shareOf(node.hitCount!),
      frames: framesOf(node, callers, folder),
    })),
  };
}

/** Of a look at a main thread that let nobody look. */
export function unanswered(ms: number): Omit<StackSample, "at"> {
  const shares = { code: 0, idle: 0, collecting: 0, native: 1 };
  return { ms: Math.round(ms), answered: false, shares, stacks: [] };
}

function framesOf(
  innermost: Profiler.ProfileNode,
  callers: ReadonlyMap<number, Profiler.ProfileNode>,
  folder: string | undefined,
): Frame[] {
  const frames: Frame[] = [];
  let node: Profiler.ProfileNode | undefined = innermost;
  while (node && node.callFrame.functionName !== "(root)" && frames.length < MAX_FRAMES) {
    const { functionName, url, lineNumber } = node.callFrame;
    frames.push({
      function: functionName.slice(0, MAX_NAME) || "(anonymous)",
      place: placeOf(url, lineNumber + 1, folder),
    });
    node = callers.get(node.id);
  }
  return frames;
}

function placeOf(url: string, line: number, folder: string | undefined): string | null {
  if (url === "") return null;
  if (url.startsWith("node:")) return `${url.slice(0, MAX_PLACE)}:${line}`;
  const file = url.startsWith("file:") ? fileURLToPath(url) : url;
  return placeInWords(file, Math.max(1, line), folder).slice(-MAX_PLACE);
}
