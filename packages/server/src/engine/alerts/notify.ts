import type { NotificationOutcome } from "@millrace/core";
import type { OutboundGuard } from "@millrace/sdk/http";
import { failpoint } from "../../runtime/failpoints.ts";
import { open } from "../../security/envelope.ts";
import { type Answer, guardedPost } from "../../security/guarded-post.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import { mailServer } from "../../security/mail-server.ts";
import { Masks } from "../../security/masks.ts";
import { sendMail } from "../../security/send-mail.ts";
import { type DueNotification, recordNotification } from "../../store/alert-notifications.ts";
import { openableTarget } from "../../store/alert-targets.ts";
import type { Database } from "../../store/database.ts";
import { RETRY_DELAYS_MS, jittered } from "../retry-delays.ts";
import type { Notice } from "./notice.ts";
import { placeOfCredential } from "./place-of-credential.ts";
import { mailOf } from "./render-email.ts";
import { pagerDutyEvent } from "./render-pagerduty.ts";
import { slackMessage } from "./render-slack.ts";
import { PAGERDUTY_URL } from "./target-config.ts";
import { testNotice } from "./test-notice.ts";

const TIMEOUT_MS = 15_000;

const MAX_ERROR_LENGTH = 500;

/** What telling targets needs. */
export interface NotifyingGround {
  db: Database;
  keys: SecretKeys;
  guard: OutboundGuard;
  /** What it says of itself. */
  userAgent: string;
}

/** How one attempt ended. */
interface Attempt {
  /** Null when there is to be another. */
  outcome: NotificationOutcome | null;
  answer?: Answer;
  error?: string;
}

/**
 * Makes one attempt at a notification that was taken, and records what became of it. Who dies between sending and recording leaves it to others,
 * who send it again under the same id.
 *
 * @param signal ends the attempt, and nothing is recorded of it
 * @returns undefined when it was ended
 */
export async function notify(
  ground: NotifyingGround,
  notification: DueNotification,
  signal: AbortSignal,
): Promise<NotificationOutcome | "retry" | undefined> {
  const { outcome, answer, error = null } = await attemptOf(ground, notification, signal);
  if (signal.aborted && outcome !== "delivered") return undefined;
  failpoint("notify.after_send");
  const failed = outcome !== "delivered";
  await recordNotification(
    ground.db,
    notification.id,
    notification.attempt,
    outcome,
    outcome === null ? jittered(RETRY_DELAYS_MS[notification.attempt - 1]!) : null,
    answer?.status ?? null,
    error?.slice(0, MAX_ERROR_LENGTH) ?? null,
    (failed && answer?.text) || null,
  );
  return outcome ?? "retry";
}

async function attemptOf(
  { db, keys, guard, userAgent }: NotifyingGround,
  { id, target, body, attempt }: DueNotification,
  signal: AbortSignal,
): Promise<Attempt> {
  const [found] = await openableTarget(db, target);
  if (!found) return { outcome: "dropped", error: "the target is switched off, or gone" };
  const retried = attempt > RETRY_DELAYS_MS.length ? "given up" : null;
  // The other side may say back what it was told.
  let masks = new Masks();
  try {
    const credential = credentialOf(keys, target, found);
    if (credential !== undefined) masks = masksOf(target, credential);
    const notice = noticeIn(body);
    const now = new Date();
    const post = (url: string, message: object) =>
      guardedPost(guard, url, {
        headers: {
          "content-type": "application/json",
          "user-agent": userAgent,
          "webhook-id": id,
        },
        body: Buffer.from(JSON.stringify(message)),
        masks,
        timeoutMs: TIMEOUT_MS,
        signal,
      });
    const { config } = found;
    if (found.kind === "email") {
      const server = mailServer(guard, config.server!);
      const mail = { ...mailOf(notice, now), id, from: config.from!, to: config.to! };
      const login = credential === undefined ? undefined : { user: config.user!, pass: credential };
      await sendMail(guard, server, { mail, login, timeoutMs: TIMEOUT_MS, signal });
      return { outcome: "delivered" };
    }
    const answer =
      found.kind === "slack"
        ? await post(credential!, slackMessage(notice, now))
        : await post(
            config.url ?? PAGERDUTY_URL,
            pagerDutyEvent(notice, { routingKey: credential!, target, now }),
          );
    if (answer.status >= 200 && answer.status < 300) return { outcome: "delivered", answer };
    const error = `it was answered ${answer.status}, and not 2xx`;
    return { outcome: retried, answer, error };
  } catch (error) {
    return { outcome: retried, error: masks.mask(inWords(error as NodeJS.ErrnoException)) };
  }
}

function credentialOf(
  keys: SecretKeys,
  name: string,
  {
    version,
    wrapped_key: wrappedKey,
    sealed,
  }: { version: number; wrapped_key: Buffer | null; sealed: Buffer | null },
): string | undefined {
  if (wrappedKey === null || sealed === null) return undefined;
  const keyRing = keys.read();
  if (!keyRing) throw new Error(`there are no keys to open its credential with, in ${keys.words}`);
  return open(keyRing, placeOfCredential({ name, version }), { wrappedKey, sealed });
}

/** Of a URL that lets in whoever knows it, each part may do so. */
function masksOf(target: string, credential: string): Masks {
  const masks = new Masks();
  const name = `of alert target ${target}`;
  masks.add(name, credential);
  if (!URL.canParse(credential)) return masks;
  const { href, pathname, search, searchParams, username, password } = new URL(credential);
  const path = [pathname + search, pathname, ...pathname.split("/")];
  const others = [search, ...searchParams.values(), username, password];
  for (const part of [href, ...path, ...others]) masks.add(name, part);
  return masks;
}

function noticeIn(body: string): Notice {
  const written = JSON.parse(body) as Notice | { test: true; by: string };
  return "test" in written ? testNotice(written.by) : written;
}

/** What failed at several addresses of a name has no message of its own. */
function inWords({ message, code }: NodeJS.ErrnoException): string {
  return message || `no connection (${code})`;
}
