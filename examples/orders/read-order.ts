import { readFile } from "node:fs/promises";
import { NonRetryableError } from "@millrace/sdk";

export interface Order {
  id: string;
  customer: string;
  /** Two letters, as ISO 3166 has them. */
  country: string;
  lines: { sku: string; quantity: number; cents: number }[];
}

const SHIPPED = new URL("data/orders.json", import.meta.url);

/** An order of the shipped file. @throws NonRetryableError when it has none of that number */
export async function readOrder(id: string): Promise<Order> {
  const orders = JSON.parse(await readFile(SHIPPED, "utf8")) as Order[];
  const order = orders.find((each) => each.id === id);
  if (order) return order;
  throw new NonRetryableError(`there is no order ${id}`);
}

/** What an order costs, in cents of a euro. */
export function totalOf({ lines }: Order): number {
  return lines.reduce((sum, { quantity, cents }) => sum + quantity * cents, 0);
}
