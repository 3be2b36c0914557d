import { amountInCents } from "./amount.ts";
import { monthOf } from "./order-date.ts";

/** One line of the file that counts. A negative quantity is a refund. */
export interface Order {
  id: string;
  /** Such as `2025-03`. */
  month: string;
  product: string;
  quantity: number;
  /** Quantity times price; negative for a refund. */
  cents: number;
}

/** Why a line does not count: a reason to count by, and a sentence about this very line. */
export interface Rejection {
  reason:
    | "too long"
    | "stray quote"
    | "wrong number of fields"
    | "field missing"
    | "bad date"
    | "bad quantity"
    | "bad price"
    | "other currency"
    | "duplicate order";
  why: string;
}

/** The columns that a file must have; it may have others, in any order. */
export const COLUMNS = [
  "order_id",
  "ordered_at",
  "product",
  "quantity",
  "unit_price",
  "currency",
] as const;

export type Fields = Record<(typeof COLUMNS)[number], string>;

export function isRejection(value: Order | Rejection): value is Rejection {
  return "reason" in value;
}

/** Reads the fields of one line. */
export function toOrder(fields: Fields, currency: string): Order | Rejection {
  const missing = COLUMNS.find((column) => fields[column] === "");
  if (missing) return { reason: "field missing", why: `${missing} is empty` };

  const month = monthOf(fields.ordered_at);
  if (!month) return { reason: "bad date", why: `no such day: ${quoted(fields.ordered_at)}` };

  if (!/^-?\d{1,6}$/.test(fields.quantity) || Number(fields.quantity) === 0) {
    return {
      reason: "bad quantity",
      why: `not a number of pieces: ${quoted(fields.quantity)}`,
    };
  }
  const price = amountInCents(fields.unit_price);
  if (price === undefined || price < 0) {
    return { reason: "bad price", why: `not a price: ${quoted(fields.unit_price)}` };
  }
  if (fields.currency.toUpperCase() !== currency) {
    return {
      reason: "other currency",
      why: `${quoted(fields.currency)}, and the report is in ${currency}`,
    };
  }
  const quantity = Number(fields.quantity);
  return { id: fields.order_id, month, product: fields.product, quantity, cents: quantity * price };
}

/** A value for a message: visible ends, no control characters, not endless. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
