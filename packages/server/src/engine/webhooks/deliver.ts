import { hideSealed } from "../../security/sealed-content.ts";
import type { DeliveryOutcome } from "@millrace/core";
import { failpoint } from "../../runtime/failpoints.ts";
import { type Answer, guardedPost } from "../../security/guarded-post.ts";
import type { OutboundGuard } from "@millrace/sdk/http";
import { Masks } from "../../security/masks.ts";
import { signStandard, webhookKey } from "../../security/webhook-signature.ts";
import type { Database } from "../../store/database.ts";
import { type DueDelivery, recordDelivery } from "../../store/webhook-deliveries.ts";
import { sendingSecrets } from "../../store/secrets.ts";
import { disableSubscription } from "../../store/webhook-subscriptions.ts";
import { type SecretOrigins, openTexts } from "../load-secrets.ts";
import { RETRY_DELAYS_MS, jittered } from "../retry-delays.ts";
import { SENDER } from "./subscriptions.ts";

const TIMEOUT_MS = 15_000;

const MAX_ERROR_LENGTH = 500;

const GONE = 410;

/** What sending needs. */
export interface SendingGround {
  db: Database;
  origins: SecretOrigins;
  guard: OutboundGuard;
  /** What it says of itself. */
  userAgent: string;
}

/** How one attempt ended. */
interface Attempt {
  /** Null when there is to be another. */
  outcome: DeliveryOutcome | null;
  answer?: Answer;
  error?: string;
}

/**
 * Makes one attempt at a delivery that was taken, and records what became of it. Who dies between sending and recording leaves it to others,
 * who send it again under the same id.
 *
 * @param signal ends the attempt, and nothing is recorded of it
 * @returns undefined when it was ended
 */
export async function deliver(
  ground: SendingGround,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<DeliveryOutcome | "retry" | undefined> {
  const attempt = await attemptOf(ground, delivery, signal);
  if (signal.aborted && attempt.outcome !== "delivered") return undefined;
  failpoint("deliver.after_send");
  const { outcome, answer, error = null } = attempt;
  const failed = outcome !== "delivered";
  await recordDelivery(
    ground.db,
    delivery.id,
    delivery.attempt,
    outcome,
    outcome === null ? jittered(RETRY_DELAYS_MS[delivery.attempt - 1]!) : null,
    answer?.status ?? null,
    error?.slice(0, MAX_ERROR_LENGTH) ?? null,
    (failed && answer?.text) || null,
  );
  if (answer?.status === GONE) {
    await disableSubscription(
      ground.db,
      delivery.subscription,
      "the other side answered 410: it wants no more of them",
    );
  }
  return outcome ?? "retry";
}

async function attemptOf(
  ground: SendingGround,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<Attempt> {
  if (!delivery.enabled) return { outcome: "dropped", error: "the subscription is switched off" };
  const retried = delivery.attempt > RETRY_DELAYS_MS.length ? "given up" : null;
  try {
    const answer = await send(ground, delivery, signal);
    const { status } = answer;
    if (status >= 200 && status < 300) return { outcome: "delivered", answer };
    const error = `it was answered ${status}, and not 2xx`;
    return { outcome: status === GONE ? "given up" : retried, answer, error };
  } catch (error) {
    return { outcome: retried, error: inWords(error as NodeJS.ErrnoException) };
  }
}

/**
 * Signed anew in every attempt, because its time is in the signature; the id and the body are those of the first. Under each secret that holds, as
 * Standard Webhooks says: whoever checks takes it when one of the signatures is right.
 */
async function send(
  { db, origins, guard, userAgent }: SendingGround,
  { id, body: text, url, secret, older }: DueDelivery,
  signal: AbortSignal,
): Promise<Answer> {
  const names = [secret!, ...(older ?? [])];
  const values = await openTexts(await sendingSecrets(db, names), origins, SENDER, names);
  const body = Buffer.from(hideSealed(text));
  const at = String(Math.floor(Date.now() / 1000));
  const signatures = names.map((name) =>
    signStandard(webhookKey("standard", values[name]!), id, at, body),
  );
  return guardedPost(guard, url!, {
    headers: {
      "content-type": "application/json",
      "user-agent": userAgent,
      "webhook-id": id,
      "webhook-timestamp": at,
      "webhook-signature": signatures.join(" "),
    },
    body,
    masks: Masks.of(values),
    timeoutMs: TIMEOUT_MS,
    signal,
  });
}

/** What failed at several addresses of a name has no message of its own. */
function inWords({ message, code }: NodeJS.ErrnoException): string {
  return message || `no connection (${code})`;
}
