import { after, defineFlow } from "@millrace/sdk";
import { z } from "zod";
import { readExport, readRates, salesOf } from "./sales.ts";
import { totalsOf } from "./totals.ts";
import { publish, stage, unstage } from "./warehouse.ts";

const input = z.strictObject({
  /** Such as `2026-11-23`. */
  day: z.union([z.iso.date(), z.literal("latest")]).default("latest"),
});

/** Only where there is a warehouse: else each night would have its dead letter. */
const schedules = process.env.ETL_DATABASE_URL
  ? [{ name: "etl-nightly", cron: "30 2 * * *", tz: "Europe/Lisbon", missed: "last" } as const]
  : [];

export const etl = defineFlow({
  name: "etl",
  description:
    "Loads what the shops have sold in a day into the warehouse, by shop and article, in euros.",
  input,
  schedules,
  // Two that publish the same day at once would leave some of each.
  concurrency: { limit: 1 },
  retry: { maxAttempts: 4, firstDelay: "2s", maxDelay: "10m" },
  timeout: "10m",
})
  .node("extract", async ({ input }, { log }) => {
    const day = salesOf(await readExport(), input.day);
    log.info("extracted", { day: day.day, sales: day.sales.length, rejected: day.rejected });
    return day;
  })
  .node("rates", () => readRates())
  .map(
    "transform",
    after("extract", "rates"),
    ({ extract }) => [...new Set(extract.sales.map(({ shop }) => shop))].sort(),
    (shop, { needs: { extract, rates } }) => ({
      shop,
      totals: totalsOf(
        extract.sales.filter((sale) => sale.shop === shop),
        rates,
      ),
    }),
  )
  .map(
    "stage",
    { ...after("extract", "transform"), concurrency: 2, timeout: "1m" },
    ({ transform }) => transform,
    ({ shop, totals }, { needs, runId }) => stage(runId, needs.extract.day, shop, totals),
  )
  .node("publish", { ...after("extract", "stage"), timeout: "1m" }, ({ extract }, { runId }) =>
    publish(runId, extract.day),
  )
  .node("unstage", after.anyFailed("publish"), (_needs, { runId }) => unstage(runId))
  .output(({ extract, transform, publish }) => ({
    day: extract!.day,
    rejected: extract!.rejected,
    shops: transform!.map(({ shop }) => shop),
    ...publish!,
  }));
