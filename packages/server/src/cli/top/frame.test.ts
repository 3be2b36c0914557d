import type { QueueInfo, RunSummary, WorkerInfo } from "@millrace/core/api";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { frameOf } from "./frame.ts";
import type { Snapshot } from "./snapshot.ts";

const AT = Date.UTC(2026, 0, 31, 8);

function queue(name: string, ready: number): QueueInfo {
  return {
    ...{ name, project: null, ready, held: 0, running: 0, scheduled: 0, waiting: 0 },
    ...{ oldestSeconds: ready, workers: 1, slots: 20, outlook: null },
    ...{ concurrency: null, rate: null, maxDepth: null, limitedBy: null, defined: null },
    paused: null,
    drained: null,
  };
}

function worker(name: string, running: number): WorkerInfo {
  const ids = Array.from({ length: running }, () => "019a0000-0000-7000-8000-000000000000");
  return {
    ...{ id: 1, name, project: "default", state: "active", concurrency: 20, running: ids },
    ...{ attemptsPerMinute: 100, failuresPerMinute: 3.1, queues: ["mail"], jobs: ["send"] },
    ...{ memoryBytes: null, loopLagMs: null, quieted: null },
    version: "1.0.0",
    startedAt: new Date(AT - 3_600_000).toISOString(),
    seenAt: new Date(AT - 2000).toISOString(),
    endedAt: null,
  };
}

const run = (n: number) =>
  ({
    id: `019a0000-0000-7000-8000-${String(n).padStart(12, "0")}`,
    ...{ job: "send", queue: "mail", attempt: 1 },
    startedAt: new Date(AT - n * 1000).toISOString(),
  }) as RunSummary;

const SNAPSHOT: Snapshot = {
  at: AT,
  queues: [queue("small", 3), queue("large", 900), queue("empty", 0)],
  workers: [worker("host:1", 12)],
  running: Array.from({ length: 12 }, (_, n) => run(n)),
  errors: [],
};

const PLAIN = { columns: undefined, rows: undefined, env: {}, sort: "depth" as const };

describe("a frame", () => {
  test("has a summary, and what there is in sections", () => {
    const text = frameOf(SNAPSHOT, PLAIN).join("\n");
    expect(text).toMatch(
      /^\d\d:\d\d:00 {2}1 worker, 12 of 20 slots busy {2}903 runs waiting {2}3\.1 of 100 attempts\/min failing$/m,
    );
    expect(text).toMatch(/^host:1 {2}✓ Active {2}██████░░░░ 12\/20 +100 +3\.1 +2 s ago {2}mail$/m);
    expect(text.indexOf("large")).toBeLessThan(text.indexOf("small"));
    expect(text).not.toContain("ERROR");
    expect(text).not.toContain("\u001B");
    expect(text.match(/^019a/gm)).toHaveLength(12);
  });

  test.each([
    [80, 24],
    [40, 12],
    [200, 60],
    [20, 3],
    [80, 1],
  ])("keeps to %d by %d cells, and says how much is left out", (columns, rows) => {
    const crowded = {
      ...SNAPSHOT,
      queues: Array.from({ length: 300 }, (_, n) => queue(`queue-${n}`, n)),
      running: Array.from({ length: 50 }, (_, n) => run(n)),
    };
    const lines = frameOf(crowded, { ...PLAIN, columns, rows, env: { NO_COLOR: "1" } });
    expect(lines.length).toBeLessThanOrEqual(rows);
    if (rows >= 12) expect(lines.join("\n")).toMatch(/^… \d+ more$/m);
    if (columns >= 80)
      for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
  });

  test("sorts queues as it is told", () => {
    const first = (sort: "name" | "oldest") =>
      frameOf(SNAPSHOT, { ...PLAIN, sort }).find((line) => /^(small|large|empty)/.test(line));
    expect(first("name")).toMatch(/^empty/);
    expect(first("oldest")).toMatch(/^large/);
  });

  test("shows nothing that a terminal would act on", () => {
    const hostile = { ...SNAPSHOT, queues: [queue("x\u001B[2Jy", 1)] };
    expect(frameOf(hostile, PLAIN).join("\n")).toContain("x\\u{1b}[2Jy");
  });
});
