import type { EffectOptions } from "@millrace/sdk";
import { ask, isRefused } from "./ask.ts";

export interface Payment {
  id: string;
  order: string;
  cents: number;
}

/**
 * Takes money, or gives it back, once. Whether it happened is asked of the service, which finds a payment by its key; and the key goes with
 * the request, for one that is still on its way while we ask.
 */
export function payment(
  kind: "charges" | "refunds",
  order: string,
  cents: number,
): EffectOptions<Payment> {
  return {
    do: async ({ idempotencyKey, signal }) =>
      (await ask<Payment>("POST", `/${kind}`, signal, {
        body: { order, cents },
        key: idempotencyKey,
      }))!,
    verify: async ({ idempotencyKey, signal }) => {
      const found = await ask<Payment>("GET", `/${kind}?key=${idempotencyKey}`, signal);
      return found ? { happened: true, value: found } : { happened: false };
    },
    didNotHappen: isRefused,
  };
}

/** Lets go of a charge that is not paid out yet. Done again, it changes nothing. */
export async function voidCharge(id: string, signal: AbortSignal): Promise<void> {
  await ask("POST", `/charges/${id}/void`, signal);
}
