import { Html } from "./html.ts";

/** Contrast of text is at least 4.5, and of bars at least 3, on both backgrounds. */
export const STYLE = new Html(`
:root { --page: #f6f7f9; --card: #ffffff; --ink: #1b2330; --soft: #566072; --line: #dfe3ea; --sales: #2f66d0; --refunds: #c2571a; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161d; --card: #1a2029; --ink: #e8ecf3; --soft: #a2adbf; --line: #303949; --sales: #78a5ff; --refunds: #f09a5b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; }
h2 { margin: 0 0 12px; font-size: 18px; }
header p, footer { margin: 4px 0 24px; color: var(--soft); }
section, .figures { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px; margin: 0 0 20px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px; }
.figures dt { color: var(--soft); font-size: 14px; }
.figures dd { margin: 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--sales); }
.legend { margin: 0 0 8px; color: var(--soft); font-size: 14px; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 6px -1px 12px; }
.key:first-child { margin-left: 0; }
.key.sales { background: var(--sales); }
.key.refunds { background: var(--refunds); }
svg { display: block; width: 100%; min-width: 640px; height: auto; font-size: 12px; }
rect.sales { fill: var(--sales); }
rect.refunds { fill: var(--refunds); }
.grid { stroke: var(--line); }
.zero { stroke: var(--soft); }
svg text { fill: var(--soft); text-anchor: middle; font-variant-numeric: tabular-nums; }
svg text.tick { text-anchor: end; }
svg text.value, svg text.year { fill: var(--ink); font-weight: 600; }
svg text.value { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
table { width: 100%; border-collapse: collapse; margin-top: 12px; font-variant-numeric: tabular-nums; }
table.narrow { width: auto; margin-top: 0; }
th, td { padding: 7px 12px; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; padding-left: 0; min-width: 6.5em; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
td { white-space: nowrap; }
thead th { color: var(--soft); font-size: 14px; font-weight: 600; }
tbody th { font-weight: 400; }
tfoot th, tfoot td { font-weight: 600; border-bottom: 0; }
details { margin-top: 16px; }
summary { cursor: pointer; }
li { overflow-wrap: anywhere; }
@media print { section { break-inside: avoid; } }
`);
