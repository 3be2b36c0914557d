/** The jobs of a company that is pictured: some work, some fail, some wait, one asks. */
import { defineJob, on } from "@millrace/sdk";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

class HttpError extends Error {
  override readonly name = "HttpError";
}

class CardRefused extends Error {
  override readonly name = "CardRefused";
}

const tenant = z.string();

export const contactSync = defineJob({
  name: "contact.sync",
  description: "Pushes a contact to the CRM.",
  queue: "crm",
  input: z.object({ contactId: z.string(), tenant, region: z.enum(["eu", "us"]) }),
  retry: { maxAttempts: 3, firstDelay: "1s", maxDelay: "2s" },
  timeout: "1m",
  version: "3f1c2ab",
  run: async ({ contactId, region }, { log }) => {
    log.info("pushing", { contactId });
    await pause(40);
    if (region === "eu") {
      log.warn("slow upstream", { ms: 1840 });
      throw new HttpError(`503 Service Unavailable for ${contactId}`);
    }
    log.info("pushed");
    return { etag: `W/"${contactId}"` };
  },
});

export const invoicePdf = defineJob({
  name: "invoice.pdf",
  description: "Renders an invoice and files it.",
  input: z.object({ invoice: z.string(), lines: z.array(z.unknown()).optional() }),
  retry: { maxAttempts: 1 },
  run: ({ invoice, lines }) => ({ invoice, pages: lines!.length, bytes: 48_213 }),
});

export const importOrders = defineJob({
  name: "orders.import",
  description: "Reads the orders of a shop, page by page.",
  input: z.object({ tenant, pages: z.number().int() }),
  timeout: "30m",
  run: async ({ pages }, { progress, log, signal }) => {
    for (let page = 1; page <= pages; page++) {
      progress(page, pages, `page ${page}`);
      log.info(`page ${page} of ${pages}`, { rows: 250 });
      await pause(page < 3 ? 100 : 120_000, undefined, { signal });
    }
    return { rows: pages * 250 };
  },
});

export const mailSend = defineJob({
  name: "mail.send",
  description: "Sends a mail.",
  queue: "mail",
  input: z.object({ to: z.string(), template: z.string() }),
  run: () => null,
});

export const digest = defineJob({
  name: "digest",
  description: "The week in one page, for everybody who asked for it.",
  schedules: [
    { name: "digest", cron: "0 7 * * 1-5", timeZone: "Europe/Lisbon" },
    { name: "digest-weekly", cron: "30 8 * * 1", timeZone: "Europe/Lisbon" },
  ],
  run: (_input, { log }) => {
    log.info("digest sent", { readers: 214 });
    return { readers: 214 };
  },
});

export const cleanSessions = defineJob({
  name: "sessions.clean",
  description: "Drops sessions that have ended.",
  schedules: [{ name: "sessions", cron: "*/15 * * * *", timeZone: "UTC" }],
  run: () => ({ dropped: 37 }),
});

export const provision = defineJob({
  name: "seat.provision",
  description: "Makes the seat of one person.",
  input: z.object({ seat: z.string() }),
  run: async ({ seat }) => {
    await pause(60);
    return { seat };
  },
});

export const onboard = defineJob({
  name: "customer.onboard",
  description: "From the contract to the welcome mail.",
  input: z.object({ account: z.string(), tenant }),
  retry: { maxAttempts: 5, firstDelay: "1s" },
  run: async ({ account }, { step, attempt, log }) => {
    const opened = await step("open", async () => {
      await pause(80);
      return { account, openedAt: new Date() };
    });
    await step("bill", async () => {
      await pause(30);
      if (attempt === 1) throw new HttpError("502 from billing");
      return { invoice: "F-2041" };
    });
    log.info("billed", { account });
    const seats = await step.fanOut(provision, [{ seat: "ada" }, { seat: "ben" }, { seat: "cy" }]);
    await step.sleep("settle in", "2s");
    const decision = await step.approval("go live", {
      ask: `Take ${opened.account} live?`,
      details: { account, seats: seats.length, invoice: "F-2041" },
      timeout: "2d",
    });
    return { live: decision?.approved ?? false };
  },
});

export const charge = defineJob({
  name: "order.charge",
  description: "Charges the card of an order.",
  input: z.object({ order: z.string(), cents: z.number().int() }),
  retry: { maxAttempts: 4, firstDelay: "1s", rules: [on(CardRefused, "never")] },
  run: async ({ order, cents }, { step }) => {
    const paid = await step.effect("charge card", {
      do: async () => {
        await pause(20);
        if (cents > 100_000) throw new HttpError(`no answer for order ${order} in 10 s`);
        return { payment: `pay_${order}` };
      },
      idempotent: false,
    });
    return paid;
  },
});
