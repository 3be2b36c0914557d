import { describe, expect, test } from "vitest";
import {
  type Outlook,
  type QueueNow,
  type QueueSample,
  outlookInWords,
  outlookOf,
} from "./backlog.ts";

const AT = Date.UTC(2026, 0, 31, 8);

/** A sample a minute until now. */
function minutes(depths: readonly number[], starts: number): QueueSample[] {
  return depths.map((depth, n) => ({
    at: AT - (depths.length - 1 - n) * 60_000,
    depth,
    starts,
  }));
}

const NOW: QueueNow = {
  at: AT,
  ready: 600,
  held: 0,
  running: 20,
  paused: false,
  workers: 2,
  slots: 20,
  alone: true,
  limit: null,
  rated: false,
};

const words = (now: Partial<QueueNow>, samples: readonly QueueSample[]): string =>
  outlookInWords(outlookOf({ ...NOW, ...now }, samples));

describe("when what waits will have started", () => {
  test("at an even pace it is what waits, over how much less waits each minute", () => {
    const even = minutes([1200, 1100, 1000, 900, 800, 700, 600], 150);
    const outlook = outlookOf(NOW, even);
    expect(outlook.verdict).toBe("drains");
    expect(outlook.seconds).toBeCloseTo(360);
    expect(outlook.outPerMinute).toBeCloseTo(150);
    expect(outlook.inPerMinute).toBeCloseTo(50);
    expect(outlookInWords(outlook)).toBe("~6 m");
  });

  test("the range is from the better and the worse quarter of the minutes, and always holds the estimate", () => {
    const uneven = minutes([1400, 1350, 1200, 1150, 1000, 950, 800, 750, 600], 300);
    const { seconds, soonest, latest } = outlookOf(NOW, uneven);
    expect(soonest).toBeCloseTo(240);
    expect(latest).toBeCloseTo(720);
    expect(seconds).toBeGreaterThan(240);
    expect(seconds).toBeLessThan(720);
  });

  test("where the worse quarter does not drain, there is no latest time", () => {
    const halting = minutes([900, 900, 800, 800, 700, 700, 600], 200);
    expect(outlookOf(NOW, halting)).toMatchObject({ verdict: "drains", latest: null });
    expect(words({}, halting)).toMatch(/^~\d+ m \(6 m or, at its slowest, never\)$/);
  });

  test("what went on half an hour ago counts no more", () => {
    const before = minutes([90_000, 50_000, 10_000], 9000).map((sample) => ({
      ...sample,
      at: sample.at - 40 * 60_000,
    }));
    const since = minutes([1000, 900, 800, 700, 600], 100);
    expect(outlookOf(NOW, [...before, ...since])).toEqual(outlookOf(NOW, since));
  });

  test("too few starts tell nothing, however steady", () => {
    const few = minutes([606, 605, 604, 603, 602, 601, 600], 1);
    expect(outlookOf(NOW, few).verdict).toBe("unknown");
    expect(outlookOf(NOW, []).verdict).toBe("unknown");
    expect(outlookOf(NOW, minutes([600], 100)).verdict).toBe("unknown");
  });

  test("what started while nothing waited tells nothing of what workers can do", () => {
    // A trickle that starts at once, and then much at a time, before and after the next sample.
    const trickle = minutes([0, 0, 0, 0, 0, 0], 25);
    expect(outlookOf(NOW, trickle)).toMatchObject({ verdict: "unknown" });
    expect(outlookOf(NOW, trickle).outPerMinute).toBeCloseTo(25);
    expect(outlookOf(NOW, minutes([0, 0, 0, 0, 0, 600], 25)).verdict).toBe("unknown");
    // Minutes without work do not make those with it slower.
    const idle = minutes([1200, 900, 600, 300, 0, 0, 0, 0, 900, 600], 300);
    expect(outlookOf(NOW, idle)).toMatchObject({
      verdict: "drains",
      seconds: expect.closeTo(120, 0),
    });
    // Less than that is known to start, though more may.
    expect(outlookOf({ ...NOW, ready: 10 }, trickle).verdict).toBe("keeps_up");
  });

  test("samples that nobody has taken for minutes tell nothing", () => {
    const even = minutes([1200, 1100, 1000, 900, 800, 700, 600], 150);
    const after = (minutes: number) => outlookOf({ ...NOW, at: AT + minutes * 60_000 }, even);
    expect(after(2).verdict).toBe("drains");
    // Enough had started within the time of the average, but nobody knows what has since.
    expect(after(4).verdict).toBe("unknown");
    expect(after(10).verdict).toBe("unknown");
  });
});

describe("a queue that will not drain", () => {
  const growing = minutes([0, 120, 240, 360, 480, 600], 240);

  test("says by how much it grows, and how many more workers would do", () => {
    expect(outlookOf(NOW, growing)).toMatchObject({ verdict: "grows", moreWorkers: 2 });
    expect(words({}, growing)).toBe("growing 120/min, will not drain; 2 more workers would do it");
  });

  test.each([
    ["its workers take from other queues as well", { alone: false }],
    ["a rate holds it", { rated: true }],
    ["a limit of the queue would hold them, too", { limit: 20 }],
    ["slots are free", { running: 10 }],
    ["what waits is held back", { ready: 100, held: 500 }],
  ])("promises nothing of more workers where %s", (_, now) => {
    expect(words(now, growing)).toBe("growing 120/min, will not drain");
  });

  test("is told of also where nothing starts, once enough has come", () => {
    expect(words({}, minutes([0, 120, 240, 360, 480, 600], 0))).toBe(
      "growing 120/min, will not drain",
    );
  });

  test("need not grow for that", () => {
    expect(words({ alone: false }, minutes([600, 600, 600, 600], 50))).toBe(
      "not getting less, will not drain",
    );
  });
});

test("a busy queue whose few runs come and go keeps up, whichever way it goes at the moment", () => {
  const busy = minutes([3, 9, 0, 14, 2, 8, 11], 600);
  const outlook = outlookOf({ ...NOW, ready: 10 }, busy);
  expect(outlook.verdict).toBe("keeps_up");
  expect(outlookInWords(outlook)).toBe("keeps up: what waits starts within 1 s");
});

test("an empty, a paused and an abandoned queue say so", () => {
  const even = minutes([1200, 1100, 1000], 150);
  expect(words({ ready: 0 }, even)).toBe("nothing waits");
  expect(words({ paused: true }, even)).toBe("paused, will not drain until it is resumed");
  const resumes = Date.UTC(2026, 0, 31, 9, 30);
  expect(outlookInWords(outlookOf({ ...NOW, paused: true }, even), resumes)).toBe(
    "paused until 2026-01-31T09:30:00.000Z",
  );
  expect(words({ workers: 0 }, even)).toBe("no worker takes from it, will not drain");
});

test.each([
  [5, "~5 s"],
  [90, "~2 m"],
  [1500, "~25 m"],
  [5400, "~1.5 h"],
  [86_400 * 12, "~12 d"],
])("%d s are told as %s", (seconds, text) => {
  const outlook: Outlook = {
    verdict: "drains",
    inPerMinute: 1,
    outPerMinute: 2,
    seconds,
    soonest: null,
    latest: null,
    growth: null,
    moreWorkers: null,
  };
  expect(outlookInWords(outlook)).toBe(text);
});
