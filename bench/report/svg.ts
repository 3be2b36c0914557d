import type { Results } from "../results.ts";
import { shown } from "./number.ts";

const WIDTH = 760;
const LABEL = 150;
const BAR = 16;
const GAP = 4;
const HEAD = 34;
/** Ours stands out, the limit recedes, in light and in dark. */
const COLOURS = { millrace: "#2563eb", limit: "#9ca3af", peer: "#64748b" };

/** A chart of the throughputs: a group of bars for each workload, drawn to that workload's own scale, with the spread as a line. */
export function asSvg(results: Results): string {
  let y = 10;
  const parts: string[] = [];
  for (const workload of results.workloads) {
    if (results.unitOf(workload) !== "runs/s") continue;
    const subjects = results.subjectsOf(workload);
    const most = Math.max(...subjects.map((subject) => results.of(workload, subject)!.max));
    const scale = (WIDTH - LABEL - 90) / most;
    parts.push(text(10, y + 18, `${workload}, ${results.unitOf(workload)}`, "font-weight='600'"));
    y += HEAD - 6;
    for (const subject of subjects) {
      parts.push(bar(results, workload, subject, y, scale));
      y += BAR + GAP;
    }
    y += 14;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function bar(
  results: Results,
  workload: string,
  subject: string,
  y: number,
  scale: number,
): string {
  const { median, min, max } = results.of(workload, subject)!;
  const colour = COLOURS[subject as keyof typeof COLOURS] ?? COLOURS.peer;
  const middle = y + BAR / 2;
  const [from, to] = [LABEL + min * scale, LABEL + max * scale];
  return [
    text(LABEL - 8, y + 12, subject, "text-anchor='end'"),
    `<rect x="${LABEL}" y="${y}" width="${fixed(median * scale)}" height="${BAR}" fill="${colour}"/>`,
    `<path d="M${fixed(from)} ${middle}H${fixed(to)}" stroke="#111827" stroke-width="1.5"/>`,
    text(to + 6, y + 12, shown(median), ""),
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${fixed(x)}" y="${y}" fill="#111827" ${attributes}>${content}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
