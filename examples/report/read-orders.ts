import { NonRetryableError } from "@millrace/sdk";
import { CsvError, parse } from "csv-parse/sync";
import { type Line, lines } from "../lines.ts";
import { COLUMNS, type Fields, type Order, type Rejection, isRejection, toOrder } from "./order.ts";

/** A line of the file, numbered from 1 as an editor does. */
export interface Entry {
  line: number;
  found: Order | Rejection;
}

/** An order takes about 110 bytes. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * The orders of a CSV file, and every line that is none with its reason; only blank lines are passed over.
 *
 * A record is a line: a quote that is never closed spoils its own line, and does not swallow the orders after it.
 * Memory: one chunk of the file, and the order ids seen so far (about 80 bytes each), by which an order that comes
 * twice counts once.
 *
 * @throws NonRetryableError when the header lacks a column
 */
export async function* readOrders(
  bytes: AsyncIterable<Uint8Array>,
  currency: string,
): AsyncGenerator<Entry> {
  const seen = new Set<string>();
  let header: Header | undefined;
  let number = 0;
  for await (const line of lines(bytes, { maxBytes: MAX_LINE_BYTES })) {
    number++;
    if (line.text.trim() === "") continue;
    if (!header) {
      header = readHeader(line);
      continue;
    }
    const found = readLine(line, header, currency);
    if (isRejection(found)) yield { line: number, found };
    else if (seen.has(found.id)) yield { line: number, found: duplicate(found) };
    else {
      // A part of a string keeps the whole of it in memory; a copy does not.
      seen.add(Buffer.from(found.id).toString());
      yield { line: number, found };
    }
  }
  if (!header) throw new NonRetryableError("the file is empty: it has no header line");
}

interface Header {
  width: number;
  place: Record<(typeof COLUMNS)[number], number>;
}

function readHeader(line: Line): Header {
  const cells = split(line.text.replace(/^\uFEFF/, ""));
  // The file may be none of ours: the message does not show what stands in it.
  if (line.cut || isStrayQuote(cells)) {
    throw new NonRetryableError("line 1 is not the header of a CSV file");
  }
  const names = cells.map((cell) => cell.toLowerCase());
  const place = Object.fromEntries(COLUMNS.map((column) => [column, names.indexOf(column)]));
  const missing = COLUMNS.filter((column) => place[column] === -1);
  if (missing.length > 0) {
    throw new NonRetryableError(`the header in line 1 lacks ${missing.join(", ")}`);
  }
  return { width: names.length, place: place as Header["place"] };
}

function readLine(line: Line, header: Header, currency: string): Order | Rejection {
  if (line.cut) return { reason: "too long", why: `longer than ${MAX_LINE_BYTES} bytes` };
  const cells = split(line.text);
  if (isStrayQuote(cells)) return cells;
  if (cells.length !== header.width) {
    return {
      reason: "wrong number of fields",
      why: `${cells.length} fields, and the header has ${header.width}`,
    };
  }
  const fields = Object.fromEntries(
    COLUMNS.map((column) => [column, cells[header.place[column]]!]),
  );
  return toOrder(fields as Fields, currency);
}

function split(line: string): string[] | Rejection {
  // Ten times faster than the parser, and the same for a line without quotes.
  if (!line.includes('"')) return line.split(",").map((cell) => cell.trim());
  try {
    const options = { relax_quotes: true, relax_column_count: true, trim: true };
    return parse(line, options)[0] ?? [];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { reason: "stray quote", why: "a quote in it is not closed, or text follows it" };
  }
}

function isStrayQuote(cells: string[] | Rejection): cells is Rejection {
  return !Array.isArray(cells);
}

function duplicate(order: Order): Rejection {
  return { reason: "duplicate order", why: `${order.id} came before` };
}
