import { defineJob, on } from "@millrace/sdk";
import { z } from "zod";
import { Refused, ask, isRefused } from "./ask.ts";
import { payment, voidCharge } from "./payments.ts";
import { readOrder, totalOf } from "./read-order.ts";

const order = z.string().regex(/^\d{4,10}$/, "the number of an order");

export const orders = defineJob({
  name: "orders",
  description: "Fulfils an order: charges it, ships it, and lets go of the charge where it cannot.",
  input: z.strictObject({ order: order.default("1001") }),
  retry: { maxAttempts: 20, firstDelay: "1s", maxDelay: "10m", rules: [on(Refused, "never")] },
  timeout: "1m",
  run: async (input, { step, log }) => {
    const wanted = await step("order", () => readOrder(input.order));
    const cents = totalOf(wanted);
    const saga = step.saga();
    const charge = await saga.effect(
      "charge",
      payment("charges", wanted.id, cents),
      ({ id }, { signal }) => voidCharge(id, signal),
    );
    // A parcel is put under the number of its order: the carrier books it once, however often it is asked.
    const parcel = await step.effect("ship", {
      do: ({ signal }) =>
        ask<{ tracking: string }>("PUT", `/parcels/${wanted.id}`, signal, {
          body: { to: wanted.customer, country: wanted.country },
        }),
      idempotent: true,
      didNotHappen: isRefused,
    });
    log.info("shipped", { order: wanted.id, cents });
    return { order: wanted.id, cents, charge: charge.id, tracking: parcel!.tracking };
  },
});

export const refundOrder = defineJob({
  name: "refund-order",
  description: "Gives back what an order has cost, when a person has approved it.",
  input: z.strictObject({ order, reason: z.string().min(1).max(500) }),
  retry: { maxAttempts: 20, firstDelay: "1s", maxDelay: "10m", rules: [on(Refused, "never")] },
  timeout: "1m",
  run: async ({ order, reason }, { step }) => {
    const { customer, cents } = await step("order", async () => {
      const found = await readOrder(order);
      return { customer: found.customer, cents: totalOf(found) };
    });
    const decision = await step.approval("refund", {
      ask: `Refund ${(cents / 100).toFixed(2)} EUR to ${customer} for order ${order}?`,
      details: { order, cents, reason },
      timeout: "14d",
    });
    if (!decision?.approved) return { order, refunded: 0, note: decision?.note ?? null };
    const refund = await step.effect("refund", payment("refunds", order, cents));
    return { order, refunded: refund.cents, note: decision.note };
  },
});
