import { chart } from "./chart.ts";
import { type Html, html } from "./html.ts";
import { count, money } from "./numbers.ts";
import { STYLE } from "./page-style.ts";
import { type Month, totalOf } from "./summary.ts";

export interface PageContent {
  /** The file's name, for the heading. */
  source: string;
  currency: string;
  months: Month[];
  products: { product: string; netCents: number }[];
  /** Lines that did not count, by reason. */
  rejectedByReason: ReadonlyMap<string, number>;
  /** The first of them. */
  rejected: readonly { line: number; why: string }[];
  rejectedCount: number;
  outsideCount: number;
  madeAt: Date;
}

/** The report as one page that needs nothing else: no script, no other file, light and dark. */
export function page(content: PageContent): string {
  const { months, source, currency } = content;
  const first = months[0]?.month ?? "";
  const last = months.at(-1)?.month ?? "";
  const span = first === last ? first : `${first} to ${last}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'"
        />
        <title>Sales ${span}</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>Sales ${span}</h1>
            <p>From ${source}, all amounts in ${currency}</p>
          </header>
          ${months.length > 0 ? sales(content) : html`<p>No order counts in this time.</p>`}
          ${rejections(content)}
          <footer>Made ${content.madeAt.toISOString().slice(0, 16).replace("T", " ")} UTC</footer>
        </main>
      </body>
    </html> `.text;
}

function sales({ months, currency, products }: PageContent): Html {
  const total = totalOf(months);
  const net = total.salesCents - total.refundCents;
  return html`<dl class="figures">
      ${figure("Net sales", money(net))}${figure("Sales", money(total.salesCents))}${figure("Refunds", money(total.refundCents))}${figure("Orders", count(total.orders))}
    </dl>
    <section>
      <h2>By month</h2>
      <p class="legend">
        <span class="key sales"></span>Sales <span class="key refunds"></span>Refunds
      </p>
      <div class="wide" tabindex="0" role="region" aria-label="Chart">
        ${chart(months, currency)}
      </div>
      <div class="wide" tabindex="0" role="region" aria-label="Sales by month">
        <table>
          <thead>
            <tr>
              <th scope="col">Month</th>
              <th scope="col">Orders</th>
              <th scope="col">Units</th>
              <th scope="col">Sales</th>
              <th scope="col">Refunds</th>
              <th scope="col">Net</th>
            </tr>
          </thead>
          <tbody>
            ${months.map((month) => row(month.month, month))}
          </tbody>
          <tfoot>
            ${row("Total", total)}
          </tfoot>
        </table>
      </div>
    </section>
    <section>
      <h2>Best products</h2>
      <div class="wide" tabindex="0" role="region" aria-label="Best products">
        <table>
          <thead>
            <tr>
              <th scope="col">Product</th>
              <th scope="col">Net</th>
            </tr>
          </thead>
          <tbody>
            ${products.map(
              (best) =>
                html`<tr>
                  <th scope="row">${best.product}</th>
                  <td>${money(best.netCents)}</td>
                </tr> `,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
}

function rejections(content: PageContent): Html {
  const { rejectedByReason, rejected, rejectedCount, outsideCount } = content;
  const outside =
    outsideCount > 0
      ? html`<p>${count(outsideCount)} orders of other months are not counted.</p>`
      : "";
  if (rejectedCount === 0)
    return html`<section>
      <h2>Lines that did not count</h2>
      <p>None.</p>
      ${outside}
    </section>`;
  const reasons = [...rejectedByReason].sort((a, b) => b[1] - a[1]);
  return html`<section>
    <h2>Lines that did not count: ${count(rejectedCount)}</h2>
    ${outside}
    <div class="wide" tabindex="0" role="region" aria-label="Reasons">
      <table class="narrow">
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col">Lines</th>
          </tr>
        </thead>
        <tbody>
          ${reasons.map(
            ([reason, lines]) =>
              html`<tr>
                <th scope="row">${reason}</th>
                <td>${count(lines)}</td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
    <details>
      <summary>The first ${rejected.length} of them</summary>
      <ul>
        ${rejected.map(({ line, why }) => html`<li>line ${line}: ${why}</li> `)}
      </ul>
    </details>
  </section>`;
}

function row(name: string, month: Omit<Month, "month">): Html {
  const { orders, units, salesCents, refundCents } = month;
  return html`<tr>
    <th scope="row">${name}</th>
    <td>${count(orders)}</td>
    <td>${count(units)}</td>
    <td>${money(salesCents)}</td>
    <td>${money(refundCents)}</td>
    <td>${money(salesCents - refundCents)}</td>
  </tr> `;
}

function figure(name: string, value: string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}
