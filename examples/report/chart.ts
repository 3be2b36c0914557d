import { type Html, html } from "./html.ts";
import { money, shortMoney } from "./numbers.ts";
import type { Month } from "./summary.ts";

const WIDTH = 960;
const HEIGHT = 340;
const LEFT = 64;
const RIGHT = 8;
const TOP = 24;
const BOTTOM = 48;

const MONTH = new Intl.DateTimeFormat("en", { month: "short", timeZone: "UTC" });

/**
 * Bars for each month: sales above the line, refunds below it. Colours are the page's (classes `sales`, `refunds`); the
 * same numbers belong in a table beside it.
 */
export function chart(months: Month[], currency: string): Html {
  const scale = scaleOf(months);
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, months.length);
  // Labels that would touch each other are left out: about 44 units for a number, 34 for a month.
  const every = Math.ceil(34 / step);
  const best = months.reduce((top, m) => (m.salesCents > top.salesCents ? m : top), months[0]!);
  return html`<svg
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-labelledby="chart-title chart-desc"
  >
    <title id="chart-title">Sales and refunds by month, in ${currency}</title>
    <desc id="chart-desc">
      A bar for each of ${months.length} months. The best is ${best.month} with sales of
      ${money(best.salesCents)} ${currency}. The table below holds the numbers.
    </desc>
    ${scale.ticks.map((tick) => gridLine(tick, scale.y(tick)))}
    ${months.map((month, at) =>
      bars(month, {
        x: LEFT + at * step,
        step,
        y: scale.y,
        label: at % every === 0,
        value: step >= 44,
        year: at === 0 || month.month.endsWith("-01"),
        currency,
      }),
    )}
    <line
      class="zero"
      x1="${LEFT}"
      x2="${WIDTH - RIGHT}"
      y1="${round(scale.y(0))}"
      y2="${round(scale.y(0))}"
    />
  </svg>`;
}

interface Place {
  x: number;
  step: number;
  y: (cents: number) => number;
  label: boolean;
  value: boolean;
  year: boolean;
  currency: string;
}

function bars(month: Month, place: Place): Html {
  const width = place.step * 0.68;
  const left = place.x + (place.step - width) / 2;
  const middle = round(place.x + place.step / 2);
  const zero = place.y(0);
  const bar = (name: string, cents: number) => {
    const end = place.y(name === "sales" ? cents : -cents);
    const tip = `${month.month}: ${name} ${money(cents)} ${place.currency}`;
    return html`<rect
      class="${name}"
      x="${round(left)}"
      y="${round(Math.min(zero, end))}"
      width="${round(width)}"
      height="${round(Math.abs(end - zero))}"
      ><title>${tip}</title></rect
    >`;
  };
  const [year, number] = month.month.split("-").map(Number) as [number, number];
  const name = MONTH.format(Date.UTC(year, number - 1));
  const labelled: Html[] = [];
  if (place.value) {
    labelled.push(
      html`<text class="value" x="${middle}" y="${round(place.y(month.salesCents) - 6)}"
        >${shortMoney(month.salesCents)}</text
      >`,
    );
  }
  if (place.label) {
    labelled.push(html`<text class="month" x="${middle}" y="${HEIGHT - 26}">${name}</text>`);
  }
  if (place.year) {
    labelled.push(html`<text class="year" x="${middle}" y="${HEIGHT - 8}">${year}</text>`);
  }
  return html`<g
    >${bar("sales", month.salesCents)}${bar("refunds", month.refundCents)}${labelled}</g
  > `;
}

function gridLine(cents: number, y: number): Html {
  return html`<line
      class="grid"
      x1="${LEFT}"
      x2="${WIDTH - RIGHT}"
      y1="${round(y)}"
      y2="${round(y)}"
    /><text class="tick" x="${LEFT - 10}" y="${round(y + 4)}">${shortMoney(cents)}</text> `;
}

interface Scale {
  ticks: number[];
  y: (cents: number) => number;
}

/** Round steps: 1, 2 or 5 times a power of ten. */
function scaleOf(months: Month[]): Scale {
  const top = Math.max(1, ...months.map((month) => month.salesCents));
  const low = Math.max(0, ...months.map((month) => month.refundCents));
  const rough = (top + low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough)!;
  const last = Math.ceil(top / step);
  const first = -Math.floor(low / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  // Room for the lowest bar, without a whole step for a small one.
  const span = last * step + low * 1.2;
  const height = HEIGHT - TOP - BOTTOM;
  return { ticks, y: (cents) => TOP + (height * (last * step - cents)) / span };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
