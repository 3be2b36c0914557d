import { writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { type Context, defineJob } from "@millrace/sdk";
import { z } from "zod";
import { writeAtomically } from "../write-atomically.ts";
import { csvLine } from "./csv.ts";
import { type InputFile, openInput } from "./input-file.ts";
import { units } from "./numbers.ts";
import { isRejection } from "./order.ts";
import { outputFolder } from "./output-folder.ts";
import { page } from "./page.ts";
import { type Entry, readOrders } from "./read-orders.ts";
import { type Month, Summary, totalOf } from "./summary.ts";

const month = z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/, "a month such as 2025-03");

const input = z
  .strictObject({
    file: z.string().min(1).max(1000).optional(),
    month: month.optional(),
    from: month.optional(),
    to: month.optional(),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, "a code such as EUR")
      .default("EUR"),
    outDir: z
      .string()
      .max(200)
      .regex(/^[\w][\w.-]*(\/[\w][\w.-]*)*$/, "a relative folder such as shop/north")
      .optional(),
  })
  .refine(({ from, to }) => !from || !to || from <= to, {
    path: ["to"],
    message: "lies before from",
  })
  .refine(({ month: only, from, to }) => !only || (!from && !to), {
    path: ["month"],
    message: "give either month, or from and to",
  });

/** How many rejected lines the output and the page show; the file of rejected lines has them all. */
const SHOWN = 50;

const CHUNK_BYTES = 64 * 1024;

export const report = defineJob({
  name: "report",
  description: "Reads orders from a CSV file and writes a monthly sales report as HTML and CSV.",
  input,
  // What is wrong with a file or a path stays wrong; what a retry mends is a busy disk.
  retry: { maxAttempts: 3, firstDelay: "2s" },
  timeout: "10m",
  schedules: [{ name: "report-monthly", calendar: { at: "06:00", workingDays: [1] } }],
  run: async ({ file, outDir, currency, month: only, from = only, to = only }, ctx) => {
    const source = await openInput(file);
    try {
      const folder = await outputFolder(outDir ?? ".");
      const files = filesFor(folder, source.path, from, to);
      const summary = new Summary({ from, to });
      const rejected: { line: number; why: string }[] = [];

      const entries = readOrders(chunks(source, ctx), currency);
      await writeAtomically(files.rejected, (target) =>
        writeFile(target, countAndReject(entries, summary, rejected)),
      );
      const months = summary.months();
      await writeAtomically(files.csv, (target) => target.writeFile(monthlyCsv(months, currency)));
      await writeAtomically(files.html, (target) =>
        target.writeFile(
          page({
            source: basename(source.path),
            currency,
            months,
            products: summary.bestProducts(10),
            rejectedByReason: summary.rejectedByReason,
            rejected,
            rejectedCount: summary.rejectedCount,
            outsideCount: summary.outsideCount,
            madeAt: new Date(),
          }),
        ),
      );
      const total = totalOf(months);
      ctx.log.info(`report written to ${files.html}`, {
        orders: total.orders,
        rejected: summary.rejectedCount,
      });
      return {
        months: months.map(asOutput),
        totals: figures(total),
        orders: total.orders,
        rejectedCount: summary.rejectedCount,
        rejectedByReason: Object.fromEntries(summary.rejectedByReason),
        rejected,
        outsideCount: summary.outsideCount,
        files,
      };
    } finally {
      await source.handle.close();
    }
  },
});

/** The same for the same input, so that another attempt, or the next day's run, replaces them. */
function filesFor(folder: string, source: string, from?: string, to?: string) {
  const name = basename(source, extname(source)).replace(/[^\w-]+/g, "_");
  const range =
    from && from === to ? `-${from}` : `${from ? `-from-${from}` : ""}${to ? `-to-${to}` : ""}`;
  return {
    html: join(folder, `${name}${range}.html`),
    csv: join(folder, `${name}${range}.csv`),
    rejected: join(folder, `${name}${range}-rejected.csv`),
  };
}

async function* chunks(source: InputFile, ctx: Context): AsyncGenerator<Uint8Array> {
  for (let done = 0; ;) {
    ctx.signal.throwIfAborted();
    const { bytesRead, buffer } = await source.handle.read(Buffer.allocUnsafe(CHUNK_BYTES));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
    ctx.progress(done, source.bytes, "bytes of orders read");
  }
}

/** Counts the orders, and yields the file of those lines that are none. */
async function* countAndReject(
  entries: AsyncIterable<Entry>,
  summary: Summary,
  shown: { line: number; why: string }[],
): AsyncGenerator<string> {
  yield csvLine(["line", "reason", "why"]);
  for await (const { line, found } of entries) {
    if (!isRejection(found)) {
      summary.add(found);
      continue;
    }
    summary.reject(found);
    const why = `${found.reason}: ${found.why}`;
    if (shown.length < SHOWN) shown.push({ line, why });
    yield csvLine([line, found.reason, found.why]);
  }
}

function monthlyCsv(months: Month[], currency: string): string {
  const header = ["month", "orders", "units", "sales", "refunds", "net", "currency"];
  const rows = months.map((each) => {
    const { orders, units: pieces, sales, refunds, net } = figures(each);
    return csvLine([each.month, orders, pieces, sales, refunds, net, currency]);
  });
  return csvLine(header) + rows.join("");
}

function asOutput(each: Month) {
  return { month: each.month, ...figures(each) };
}

function figures({ orders, units: pieces, salesCents, refundCents }: Omit<Month, "month">) {
  return {
    orders,
    units: pieces,
    sales: units(salesCents),
    refunds: units(refundCents),
    net: units(salesCents - refundCents),
  };
}
