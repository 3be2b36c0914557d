import { NonRetryableError } from "@millrace/sdk";
import type { Sale } from "./sales.ts";

/** What a shop has sold of an article in a day. */
export interface Total {
  sku: string;
  units: number;
  /** In cents of a euro. */
  cents: number;
}

/**
 * The totals of a shop by article, in euros, in the order of the articles.
 *
 * @throws NonRetryableError for a currency without a rate
 */
export function totalsOf(sales: readonly Sale[], rates: Readonly<Record<string, number>>): Total[] {
  const totals = new Map<string, Total>();
  for (const { sku, quantity, amount, currency } of sales) {
    const rate = Object.hasOwn(rates, currency) ? rates[currency] : undefined;
    if (rate === undefined) throw new NonRetryableError(`there is no rate for ${currency}`);
    const { units, cents } = totals.get(sku) ?? { units: 0, cents: 0 };
    totals.set(sku, { sku, units: units + quantity, cents: cents + amount * rate });
  }
  // Rounded once, at the end.
  return [...totals.values()]
    .map((total) => ({ ...total, cents: Math.round(total.cents) }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1));
}
