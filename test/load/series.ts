/** Values at equal distances in time. */
export interface Series {
  name: string;
  values: readonly number[];
}

const WIDTH = 760;
const PANEL = 120;
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 20, 26, 30];

/** A drawing of several series below each other over one axis of seconds, each to its own scale, as SVG. */
export function drawn(all: readonly Series[], everySeconds: number): string {
  const longest = Math.max(...all.map(({ values }) => values.length));
  const across = (WIDTH - LEFT - RIGHT) / Math.max(1, longest - 1);
  const height = all.length * PANEL + BOTTOM;
  const panels = all.flatMap(({ name, values }, n) => {
    const most = Math.max(1, ...values);
    const base = (n + 1) * PANEL;
    const up = (PANEL - TOP) / most;
    // A step at each look: nobody knows what was between two.
    const path = values
      .map((value, at) => `H${fixed(LEFT + at * across)}V${fixed(base - value * up)}`)
      .join("");
    return [
      text(LEFT, base - PANEL + TOP - 8, name, "font-weight='600'"),
      text(LEFT - 8, base - most * up + 4, String(most), "text-anchor='end'"),
      text(LEFT - 8, base + 4, "0", "text-anchor='end'"),
      `<path d="M${LEFT} ${base}${path}V${base}Z" fill="#2563eb" fill-opacity="0.25" stroke="#2563eb"/>`,
      `<path d="M${LEFT} ${base}H${WIDTH - RIGHT}" stroke="#9ca3af"/>`,
    ];
  });
  const seconds = (longest - 1) * everySeconds;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    text(
      LEFT + share * (WIDTH - LEFT - RIGHT),
      height - 10,
      `${Math.round(share * seconds)} s`,
      "text-anchor='middle'",
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    ...marks,
    "</svg>\n",
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" fill="#111827" ${attributes}>${content}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
