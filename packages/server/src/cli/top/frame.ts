import { harmless } from "../output/harmless.ts";
import { Screen } from "../output/screen.ts";
import { type Column, fit, printTable } from "../output/table.ts";
import { count, localTime } from "../output/words.ts";
import { rateOf } from "../output/outlook-words.ts";
import { QUEUES, type Sort, errorColumns, runColumns, sorted, workerColumns } from "./sections.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Frame {
  /** Cells and lines that there are; undefined for as many as it takes. */
  columns: number | undefined;
  rows: number | undefined;
  /** What decides whether there are colours. */
  env: NodeJS.ProcessEnv;
  sort: Sort;
}

interface Section {
  /** How many rows there are, and how many of them are shown. */
  all: number;
  shown: number;
  print(screen: Screen, rows: number): void;
}

/** The lines of a screen: a summary, and of queues, workers, runs and errors what fits, fairly. */
export function frameOf(snapshot: Snapshot, { columns, rows, env, sort }: Frame): string[] {
  let text = "";
  const stream = {
    write: (part: string) => (text += part),
    ...(columns !== undefined && { isTTY: true, columns }),
  };
  const screen = new Screen(stream, env);
  screen.line(screen.style("bold", fit(summaryOf(snapshot), columns ?? Infinity)));
  const sections = sectionsOf(snapshot, sort);
  share(sections, rows === undefined ? Infinity : rows - 1);
  for (const { all, shown, print } of sections) {
    if (all === 0 || (shown === 0 && rows !== undefined)) continue;
    screen.line();
    print(screen, shown);
    if (shown < all) screen.line(screen.style("gray", `… ${all - shown} more`));
  }
  return text.split("\n").slice(0, -1).slice(0, rows);
}

function summaryOf({ at, queues, workers }: Snapshot): string {
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const slots = sum(workers.map(({ concurrency }) => concurrency));
  const busy = sum(workers.map(({ running }) => running.length));
  const waiting = sum(queues.map(({ ready, held }) => ready + held));
  const failed = rateOf(sum(workers.map((worker) => worker.failuresPerMinute)));
  const ended = rateOf(sum(workers.map((worker) => worker.attemptsPerMinute)));
  return [
    localTime(new Date(at).toISOString()).slice(11),
    `${count(workers.length, "worker")}, ${busy} of ${count(slots, "slot")} busy`,
    `${count(waiting, "run")} waiting`,
    `${failed} of ${ended} attempts/min failing`,
  ].join("  ");
}

function sectionsOf({ at, queues, workers, running, errors }: Snapshot, sort: Sort): Section[] {
  return [
    section(QUEUES, sorted(queues, sort)),
    section(workerColumns(at), workers),
    section(runColumns(at), running),
    section(errorColumns(at), errors),
  ];
}

function section<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Section {
  return {
    all: rows.length,
    shown: 0,
    print: (screen, shown) => printTable(screen, columns, rows.slice(0, shown)),
  };
}

/** Gives each section a row in its turn, until all have enough or there is no room. A section that is begun takes a blank line and its titles, one that is cut its rest. */
function share(sections: readonly Section[], lines: number): void {
  let left = lines;
  for (let given = true; given;) {
    given = false;
    for (const each of sections) {
      if (each.shown === each.all) continue;
      const costs = each.shown > 0 ? 1 : 3 + (each.all > 1 ? 1 : 0);
      if (costs > left) continue;
      left -= costs;
      each.shown++;
      // The last row takes the place of "… 1 more".
      if (each.shown === each.all - 1 && each.all > 1) {
        each.shown++;
      }
      given = true;
    }
  }
}

/** What is shown at the foot of a live screen. */
export function footOf(
  screen: Screen,
  { sort, paused, trouble }: { sort: Sort; paused: boolean; trouble: string | undefined },
): string {
  const room = screen.columns ?? Infinity;
  const keys = `q quit   s sort (by ${sort})   p ${paused ? "go on" : "pause"}`;
  if (trouble !== undefined) return screen.style("red", fit(`✕ ${harmless(trouble)}`, room));
  return screen.style("gray", fit(paused ? `${keys}   ‖ paused` : keys, room));
}
