import type { Order, Rejection } from "./order.ts";

/** One month of sales. Money in cents; refunds are positive here. */
export interface Month {
  month: string;
  /** Lines that sold something, and lines that took something back. */
  orders: number;
  refunds: number;
  /** Pieces sold. */
  units: number;
  salesCents: number;
  refundCents: number;
}

/** The first and the last month that count, such as `2025-01`; both belong to it. */
export interface Range {
  from?: string | undefined;
  to?: string | undefined;
}

/** What was sold, gathered order by order; it grows with months and products, not with orders. */
export class Summary {
  rejectedCount = 0;
  /** Good orders of other months. */
  outsideCount = 0;
  readonly rejectedByReason = new Map<Rejection["reason"], number>();
  #range: Range;
  #months = new Map<string, Month>();
  #products = new Map<string, number>();

  constructor(range: Range) {
    this.#range = range;
  }

  add(order: Order): void {
    const { from = order.month, to = order.month } = this.#range;
    if (order.month < from || order.month > to) {
      this.outsideCount++;
      return;
    }
    const month = this.#months.get(order.month) ?? emptyMonth(order.month);
    this.#months.set(order.month, month);
    if (order.quantity > 0) {
      month.orders++;
      month.units += order.quantity;
      month.salesCents += order.cents;
    } else {
      month.refunds++;
      month.refundCents -= order.cents;
    }
    this.#products.set(order.product, (this.#products.get(order.product) ?? 0) + order.cents);
  }

  reject(rejection: Rejection): void {
    this.rejectedCount++;
    const { reason } = rejection;
    this.rejectedByReason.set(reason, (this.rejectedByReason.get(reason) ?? 0) + 1);
  }

  /** In order, with the months between them in which nothing was sold. */
  months(): Month[] {
    const known = [...this.#months.keys()].sort();
    const all: Month[] = [];
    for (let month = known[0]; month && month <= known.at(-1)!; month = nextMonth(month)) {
      all.push(this.#months.get(month) ?? emptyMonth(month));
    }
    return all;
  }

  /** The products that brought most, refunds taken off. */
  bestProducts(count: number): { product: string; netCents: number }[] {
    return [...this.#products]
      .map(([product, netCents]) => ({ product, netCents }))
      .sort((a, b) => b.netCents - a.netCents || a.product.localeCompare(b.product))
      .slice(0, count);
  }
}

/** All months in one. */
export function totalOf(months: Month[]): Omit<Month, "month"> {
  const total = emptyMonth("");
  for (const month of months) {
    total.orders += month.orders;
    total.refunds += month.refunds;
    total.units += month.units;
    total.salesCents += month.salesCents;
    total.refundCents += month.refundCents;
  }
  return total;
}

function emptyMonth(month: string): Month {
  return { month, orders: 0, refunds: 0, units: 0, salesCents: 0, refundCents: 0 };
}

function nextMonth(month: string): string {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, "0")}`;
}
