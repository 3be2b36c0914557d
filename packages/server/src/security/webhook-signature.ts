import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { WebhookScheme } from "@millrace/core";

/** How far the time in a signature may be from ours, in seconds, both ways. */
const TOLERANCE_S = 5 * 60;

/** In UTF-8, for all that says no more of its secrets. */
const MIN_KEY_BYTES = 8;

/** What was signed, and the signatures that came with it; or why there is nothing to compare. */
type Claim = { content: Buffer; signatures: Buffer[]; at: number | undefined } | { why: string };

/** One way to sign a request. */
interface Scheme {
  /** @throws Error for what is no secret of this scheme */
  keyOf(secret: string): Buffer;
  read(headers: IncomingHttpHeaders, body: Buffer): Claim;
}

const SCHEMES: Record<WebhookScheme, Scheme> = {
  // https://www.standardwebhooks.com
  standard: {
    keyOf: standardKey,
    read(headers, body) {
      const id = one(headers, "webhook-id");
      const at = timeIn(one(headers, "webhook-timestamp"));
      const listed = one(headers, "webhook-signature");
      if (!id || at === undefined || !listed) return missing("webhook-id, -timestamp, -signature");
      const signatures = listed
        .split(" ")
        .filter((part) => part.startsWith("v1,"))
        .map((part) => Buffer.from(part.slice(3), "base64"));
      return { content: standardContent(id, String(at), body), signatures, at };
    },
  },
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
  github: {
    keyOf: textKey,
    read(headers, body) {
      const [, hex] = /^sha256=(.*)$/.exec(one(headers, "x-hub-signature-256") ?? "") ?? [];
      if (hex === undefined) return missing("x-hub-signature-256");
      return { content: body, signatures: [fromHex(hex)], at: undefined };
    },
  },
  // https://docs.stripe.com/webhooks#verify-manually
  stripe: {
    keyOf: textKey,
    read(headers, body) {
      const parts = (one(headers, "stripe-signature") ?? "").split(",").map((part) => part.trim());
      const values = (key: string) =>
        parts
          .filter((part) => part.startsWith(`${key}=`))
          .map((part) => part.slice(key.length + 1));
      const at = timeIn(values("t")[0]);
      const signatures = values("v1").map(fromHex);
      if (at === undefined || signatures.length === 0) return missing("stripe-signature");
      return { content: Buffer.concat([Buffer.from(`${at}.`), body]), signatures, at };
    },
  },
  // https://docs.slack.dev/authentication/verifying-requests-from-slack
  slack: {
    keyOf: textKey,
    read(headers, body) {
      const at = timeIn(one(headers, "x-slack-request-timestamp"));
      const [, hex] = /^v0=(.*)$/.exec(one(headers, "x-slack-signature") ?? "") ?? [];
      if (at === undefined || hex === undefined) {
        return missing("x-slack-request-timestamp, x-slack-signature");
      }
      return {
        content: Buffer.concat([Buffer.from(`v0:${at}:`), body]),
        signatures: [fromHex(hex)],
        at,
      };
    },
  },
};

/** With which a request is compared that is for nobody, so that it takes as long as any other. */
const NOBODYS_KEY = randomBytes(32);

/**
 * Whether a request was signed by somebody who has one of the secrets, over the very bytes of its body, and lately.
 *
 * @param keys none for a hook that is not there
 * @param nowMs the time of this machine
 * @returns undefined when it was; else why not, for the log alone: whoever sent it must not learn it
 */
export function signatureTrouble(
  scheme: WebhookScheme,
  keys: readonly Buffer[],
  { headers, body }: { headers: IncomingHttpHeaders; body: Buffer },
  nowMs: number,
): string | undefined {
  const claim = SCHEMES[scheme].read(headers, body);
  const { content, signatures } = "why" in claim ? { content: body, signatures: [] } : claim;
  // All of it is done, whatever comes out on the way.
  const matches = (keys.length > 0 ? keys : [NOBODYS_KEY]).map((key) => {
    const expected = createHmac("sha256", key).update(content).digest();
    return signatures.filter((given) => isSame(expected, given)).length > 0;
  });
  if ("why" in claim) return claim.why;
  if (keys.length === 0 || !matches.includes(true)) return "the signature is of no secret of it";
  const { at } = claim;
  if (at === undefined || Math.abs(Math.floor(nowMs / 1000) - at) <= TOLERANCE_S) return undefined;
  return "the time in the signature is more than 5 minutes from that of this server";
}

/** @throws Error for what is no secret of this scheme; its message holds nothing of it */
export function webhookKey(scheme: WebhookScheme, secret: string): Buffer {
  return SCHEMES[scheme].keyOf(secret);
}

/** A signature of Standard Webhooks, as the header `webhook-signature` has it. */
export function signStandard(key: Buffer, id: string, at: string, body: Buffer): string {
  return `v1,${createHmac("sha256", key)
    .update(standardContent(id, at, body))
    .digest("base64")}`;
}

/** A new secret of Standard Webhooks, as text. */
export function newStandardSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function standardContent(id: string, at: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${at}.`), body]);
}

function standardKey(secret: string): Buffer {
  const text = secret.replace(/^whsec_/, "");
  const key = Buffer.from(text, "base64");
  if (key.toString("base64").replaceAll("=", "") !== text.replaceAll("=", "")) {
    throw new Error("a secret of Standard Webhooks is whsec_ and base64");
  }
  if (key.length >= 24 && key.length <= 64) return key;
  throw new Error(`a secret of Standard Webhooks has 24 to 64 bytes, and this one ${key.length}`);
}

function textKey(secret: string): Buffer {
  const key = Buffer.from(secret);
  if (key.length >= MIN_KEY_BYTES) return key;
  throw new Error(`a secret has ${MIN_KEY_BYTES} bytes at the least`);
}

/** A header that is there once. */
function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const given = headers[name];
  return typeof given === "string" && given !== "" ? given : undefined;
}

/** Seconds of Unix time, in the one way to write them. */
function timeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,11}$/.test(text) ? Number(text) : undefined;
}

function fromHex(text: string): Buffer {
  return /^[0-9a-f]{64}$/.test(text) ? Buffer.from(text, "hex") : Buffer.alloc(0);
}

function isSame(expected: Buffer, given: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(expected, given);
}

function missing(what: string): Claim {
  return { why: `there is no ${what} that can be read` };
}
