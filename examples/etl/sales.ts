import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { NonRetryableError } from "@millrace/sdk";
import { CsvError, parse } from "csv-parse/sync";

/** One line of a till. A negative quantity is a return. */
export interface Sale {
  shop: string;
  sku: string;
  quantity: number;
  /** Quantity times price, in hundredths of the shop's currency. */
  amount: number;
  currency: string;
}

/** The sales of one day, and how many of its lines are none. */
export interface Day {
  day: string;
  sales: Sale[];
  rejected: number;
}

const COLUMNS = ["sold_at", "shop", "sku", "quantity", "price", "currency"] as const;
type Fields = Record<(typeof COLUMNS)[number], string>;

const DAY = /^\d{4}-\d\d-\d\d$/;

const SHIPPED = fileURLToPath(new URL("data/", import.meta.url));

/** The shipped export of the tills, and the rates beside it. */
export const readExport = (): Promise<string> => readFile(`${SHIPPED}sales.csv`, "utf8");

/** How many euros each currency is worth. */
export async function readRates(): Promise<Record<string, number>> {
  return JSON.parse(await readFile(`${SHIPPED}rates.json`, "utf8")) as Record<string, number>;
}

/**
 * Reads the sales of a day from an export.
 *
 * @param day such as `2026-11-23`; `latest` for the newest one that is in it
 * @throws NonRetryableError when it is no such export, or has nothing of that day: another try would find the same
 */
export function salesOf(csv: string, day: string): Day {
  const lines = parsed(csv);
  const missing = COLUMNS.filter((column) => lines[0] && !(column in lines[0]));
  if (missing.length > 0) throw new NonRetryableError(`the export lacks ${missing.join(", ")}`);
  const days = lines.map(({ sold_at }) => sold_at.slice(0, 10));
  const newest = days
    .filter((each) => DAY.test(each))
    .toSorted()
    .at(-1);
  const wanted = day === "latest" ? newest : day;
  const ofDay = lines.filter((_line, place) => days[place] === wanted);
  const sales = ofDay.flatMap(saleOf);
  // Nothing but lines that are none is no day without sales: that would empty the day in the warehouse.
  if (wanted === undefined || sales.length === 0) {
    throw new NonRetryableError(`the export has no sale of ${day}`);
  }
  return { day: wanted, sales, rejected: ofDay.length - sales.length };
}

function parsed(csv: string): Fields[] {
  try {
    return parse(csv, { columns: true, bom: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new NonRetryableError(`the export is no CSV: ${error.code}`);
  }
}

/** Nothing for a line that is no sale. */
function saleOf({ shop, sku, quantity, price, currency }: Fields): Sale[] {
  const fits = /^-?\d{1,4}$/.test(quantity) && /^\d{1,6}\.\d\d$/.test(price);
  if (!fits || !shop || !sku || Number(quantity) === 0) return [];
  const amount = Number(quantity) * Number(price.replace(".", ""));
  return [{ shop, sku, quantity: Number(quantity), amount, currency }];
}
