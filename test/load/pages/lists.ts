import { type Measured, percentile } from "./budget.ts";
import type { Followed, Visitor } from "./visitor.ts";

const ROW = ".virtual [role=row]";
const ROUNDS = 5;
const SCROLL_MS = 10_000;

/** Screens, and what is on each once it has its data. */
const SCREENS: readonly (readonly [path: string, there: string])[] = [
  ["/", ".attention li a.open"],
  ["/runs", ROW],
  ["/errors", "main a[href^='/errors/']"],
  ["/errors/0000000000000003", ".why"],
  ["/dead", "main a[href*='group=']"],
  ["/queues", "main table tbody tr"],
  ["/queues/default", "main .facts, main dl"],
  ["/jobs", "main a[href^='/jobs/']"],
  ["/jobs/any", "main form, main dl"],
  ["/schedules", "main .empty, main table"],
  ["/workers", "main .empty, main table, main li"],
  ["/waiting", "main .empty, main li"],
  ["/bulk", "main .empty, main table, main li"],
  ["/alerts", "main .empty, main table, main li"],
  ["/system", "main dl, main table, main li"],
];

/** As people look: each begins with the one before on the screen. */
const FILTERS = [
  ...["status:failed", "status:failed age:<1h", "status:running", "error:0000000000000003"],
  ...[
    "status:cancelled",
    "job:any status:failed",
    "queue:default",
    "took:>30s",
    "job:any input.tenant:t77",
  ],
  ...["error:HttpError age:<1h", '"503"', ""],
];

/** One run, and in no index, since no job declares the path: others are looked for in all, for two seconds at the most. */
const UNDECLARED = "input.n:777";

/** How soon another screen or filter is seen to have begun, and has its data. */
export async function measureChanges(visitor: Visitor): Promise<Measured[]> {
  await visitor.load("/", ".attention li a.open");
  // What a screen is made of is loaded once.
  for (const [path, there] of SCREENS) await visitor.follow(path, there);
  const screens = await changes(visitor, SCREENS);
  await visitor.follow("/runs", ROW);
  const filters = await changes(visitor, FILTERS.map(filterCase));
  return [
    {
      budget: "another screen, to be seen to have begun, p95",
      limit: 100,
      unit: "ms",
      measured: p95(screens, "begunMs"),
    },
    {
      budget: "another screen, to its data, p95",
      limit: 300,
      unit: "ms",
      measured: p95(screens, "doneMs"),
      note: slowest(screens),
    },
    {
      budget: "another filter, to be seen to have begun, p95",
      limit: 100,
      unit: "ms",
      measured: p95(filters, "begunMs"),
    },
    {
      budget: "another filter, to its data, p95",
      limit: 300,
      unit: "ms",
      measured: p95(filters, "doneMs"),
      note: slowest(filters),
    },
    {
      budget:
        "a value of which no job says that it is searched for, to what was found in time, p95",
      limit: 2500,
      unit: "ms",
      measured: p95(await changes(visitor, [filterCase(UNDECLARED), filterCase("")]), "doneMs"),
    },
  ];
}

function filterCase(query: string): readonly [path: string, there: string] {
  return [`/runs?q=${encodeURIComponent(query)}`, `${ROW}, main .empty`];
}

type Change = Followed & { to: string };

async function changes(
  visitor: Visitor,
  places: readonly (readonly [path: string, there: string])[],
): Promise<Change[]> {
  const all: Change[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [to, there] of places) all.push({ to, ...(await visitor.follow(to, there)) });
  }
  return all;
}

function p95(all: readonly Change[], of: keyof Followed): number {
  return percentile(
    all.map((one) => one[of]),
    0.95,
  );
}

function slowest(all: readonly Change[]): string {
  const { to, doneMs } = all.toSorted((a, b) => b.doneMs - a.doneMs)[0]!;
  return `the slowest ${decodeURIComponent(to)}, ${Math.round(doneMs)} ms`;
}

/** As a display has them. */
const FRAME_MS = 1000 / 60;
/** The clock of frames is not exact: one of so long has been on time. */
const ON_TIME_MS = 17.5;
/** One of so long has missed the display at least once. */
const DROPPED_MS = 1.5 * FRAME_MS;

interface Scrolled {
  frames: number[];
  mostRows: number;
}

/**
 * What a long list costs the browser while somebody scrolls through it for ten seconds, and how soon keys are answered in it. A browser without a graphics
 * card draws by the processor, so the same scroll over a page that has nothing on it is measured beside: what that drops is the machine's.
 */
export async function measureScroll(visitor: Visitor): Promise<Measured[]> {
  const bare = await measureBare(visitor);
  await visitor.load("/runs", ROW);
  await scroll(visitor, 2000);
  await visitor.load("/runs", ROW);
  const heap = await visitor.heapBytes();
  await visitor.page.evaluate("watched.anew()");
  const { frames, mostRows } = await scrolled(visitor);
  const [longest, reached] = await visitor.page.evaluate<[number, number]>(
    `[Math.max(0, ...watched.tasks), Math.round(scrollY / document.querySelector(".virtual-measure").offsetHeight)]`,
  );
  const grown = (await visitor.heapBytes()) - heap;
  return [
    {
      budget: "long list, rows in the page",
      limit: 60,
      measured: mostRows,
      unit: "",
      note: `${reached.toLocaleString("en")} rows scrolled past`,
    },
    {
      budget: "long list, a frame while it is scrolled, p95",
      limit: ON_TIME_MS,
      measured: percentile(frames, 0.95),
      unit: "ms",
      note: `of a page with nothing on it ${percentile(bare, 0.95).toFixed(1)} ms`,
    },
    {
      budget: "long list, frames that are dropped meanwhile",
      limit: 5,
      measured: dropped(frames),
      unit: "%",
      note: `of a page with nothing on it ${dropped(bare).toFixed(1)} %`,
    },
    {
      budget: "long list, the longest task meanwhile",
      limit: 50,
      measured: longest,
      unit: "ms",
      note: "none is told of that is shorter",
    },
    { budget: "long list, memory that it takes", limit: 40, measured: grown / 2 ** 20, unit: "MB" },
    await measureKeys(visitor),
  ];
}

/** Of all frames the part that came too late, as percents. */
function dropped(frames: readonly number[]): number {
  return (frames.filter((ms) => ms > DROPPED_MS).length * 100) / frames.length;
}

async function measureBare(visitor: Visitor): Promise<number[]> {
  await visitor.load("/healthz", "body");
  await visitor.page.evaluate("document.body.style.height = '1000000px'");
  return (await scrolled(visitor)).frames;
}

async function scrolled(visitor: Visitor): Promise<Scrolled> {
  const frames = visitor.page.evaluate<Scrolled>(
    `watched.frames(${SCROLL_MS}, ${JSON.stringify(ROW)})`,
  );
  await scroll(visitor, SCROLL_MS);
  return frames;
}

async function scroll(visitor: Visitor, ms: number): Promise<void> {
  const speed = 3000;
  await visitor.debug.send("Input.synthesizeScrollGesture", {
    ...{
      x: 640,
      y: 500,
      xDistance: 0,
      yDistance: (-speed * ms) / 1000,
      speed,
      gestureSourceType: "mouse",
    },
  });
}

async function measureKeys(visitor: Visitor): Promise<Measured> {
  await visitor.load("/runs", ROW);
  await visitor.page.evaluate(`{
    watched.keys = [];
    new PerformanceObserver((list) => watched.keys.push(...list.getEntries().filter(({ name }) => name === "keydown").map(({ duration }) => duration)))
      .observe({ type: "event", durationThreshold: 16 });
  }`);
  for (let n = 0; n < 40; n++) await visitor.page.keyboard.press(n % 4 === 3 ? "x" : "j");
  await visitor.page.waitForTimeout(500);
  const took = await visitor.page.evaluate<number[]>("watched.keys");
  return {
    ...{ budget: "a key in a list, to the frame that answers it, p95", limit: 100, unit: "ms" },
    // Shorter ones are not told of.
    measured: percentile([...took, ...Array.from({ length: 40 - took.length }, () => 16)], 0.95),
  };
}

/** What a page that is left open keeps: told of all that changes, minute for minute. */
export async function measureStay(visitor: Visitor, minutes: number): Promise<Measured> {
  await visitor.load("/runs", ROW);
  // What is made once is there by then.
  await visitor.page.waitForTimeout(10_000);
  const before = await visitor.heapBytes();
  await visitor.page.waitForTimeout(minutes * 60_000);
  const grown = (((await visitor.heapBytes()) - before) * 60) / minutes / 2 ** 20;
  return {
    ...{ budget: "memory that an open list takes in an hour", limit: 40, unit: "MB" },
    ...{ measured: Math.max(0, grown), note: `from ${minutes} min of ticks` },
  };
}
