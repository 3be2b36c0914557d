import { median } from "../../../bench/results.ts";
import type { Measured } from "./budget.ts";
import type { Visitor } from "./visitor.ts";

const TIMES = 7;
const HOME = ".attention li a.open";
/** A screen is drawn before what it shows has come: by then all is there. */
const SETTLED_MS = 700;

interface Paints {
  firstMs: number;
  largestMs: number;
  shift: number;
}

/** What the first page weighs, asks for, and how soon it is seen: from an empty cache, from a full one, and on a machine a quarter as quick. */
export async function measureFirstLoad(visitor: Visitor, url: string): Promise<Measured[]> {
  const requests: string[] = [];
  const note = ({ request }: { request: { url: string } }) => void requests.push(request.url);
  visitor.debug.on("Network.requestWillBeSent", note);
  const cold = await loadSome(visitor, true, () => (requests.length = 0));
  visitor.debug.off("Network.requestWillBeSent", note);
  const warm = await loadSome(visitor, false);
  await visitor.slowDown(4);
  const slow = await loadSome(visitor, true);
  await visitor.slowDown(1);

  // The stream is open as long as the page is; and from where the visitor comes is none of it.
  const first = requests.filter(
    (one) => one.startsWith(url) && !one.includes("/api/v1/live") && !one.endsWith("/healthz"),
  );
  const sizes = await Promise.all(first.map((one) => zippedSize(one)));
  const weigh = (wanted: RegExp) =>
    first.reduce((sum, one, n) => sum + (wanted.test(new URL(one).pathname) ? sizes[n]! : 0), 0) /
    1024;
  const ms = (budget: string, limit: number, measured: number): Measured => ({
    budget,
    limit,
    measured,
    unit: "ms",
  });
  return [
    { budget: "first load, script", limit: 45, measured: weigh(/\.js$/), unit: "KB" },
    { budget: "first load, style", limit: 10, measured: weigh(/\.css$/), unit: "KB" },
    { budget: "first load, document", limit: 3, measured: weigh(/^\/$/), unit: "KB" },
    { budget: "first load, requests", limit: 6, measured: first.length, unit: "" },
    ms("first content, cold", 300, median(cold.map(({ firstMs }) => firstMs))),
    ms("first content, warm", 120, median(warm.map(({ firstMs }) => firstMs))),
    ms("largest content (LCP), cold", 500, median(cold.map(({ largestMs }) => largestMs))),
    ms(
      "LCP, cold, processor 4 times as slow",
      1200,
      median(slow.map(({ largestMs }) => largestMs)),
    ),
    {
      ...{ budget: "what moves by itself while Home loads (CLS)", unit: "", limit: 0.02 },
      measured: Math.max(...[...cold, ...warm, ...slow].map(({ shift }) => shift)),
    },
  ];
}

async function loadSome(visitor: Visitor, cold: boolean, before = () => {}): Promise<Paints[]> {
  const all: Paints[] = [];
  for (let n = 0; n < TIMES; n++) {
    before();
    await visitor.load("/", HOME, { cold });
    await visitor.page.waitForTimeout(SETTLED_MS);
    all.push(
      await visitor.page.evaluate<Paints>(`({
        firstMs: performance.getEntriesByName("first-contentful-paint")[0].startTime,
        largestMs: watched.paints.at(-1),
        shift: watched.shifts.reduce((sum, one) => sum + one, 0),
      })`),
    );
  }
  return all;
}

/** Of an answer as gzip has it, whatever a browser would rather have. */
async function zippedSize(url: string): Promise<number> {
  const { get } = await import("node:http");
  return new Promise((resolve, reject) => {
    get(url, { headers: { "accept-encoding": "gzip" } }, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => (bytes += chunk.length));
      answer.once("end", () => resolve(bytes));
    }).once("error", reject);
  });
}
