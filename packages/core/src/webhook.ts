/** Ways to sign a webhook that comes in. */
export const WEBHOOK_SCHEMES = ["standard", "github", "stripe", "slack"] as const;

export type WebhookScheme = (typeof WEBHOOK_SCHEMES)[number];

/** What a subscription may ask for. */
export const WEBHOOK_EVENTS = [
  "run.completed",
  "run.failed",
  "run.cancelled",
  "run.dead_lettered",
  "alert.firing",
  "alert.resolved",
] as const;

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** What became of a webhook that came in. */
export const RECEIPT_OUTCOMES = [
  /** It made a run. */
  "accepted",
  /** It had come before, or its job is debounced or throttled: it has the run of another. */
  "repeated",
  /** The other side asked whether somebody is there. */
  "greeted",
  /** It is signed, and its job cannot take it. */
  "rejected",
  /** It is not signed as it must be, or the endpoint is switched off. */
  "unsigned",
] as const;

export type ReceiptOutcome = (typeof RECEIPT_OUTCOMES)[number];

/** What became of a webhook that goes out; null while it is still to be sent. */
export const DELIVERY_OUTCOMES = [
  /** The other side answered 2xx. */
  "delivered",
  /** It was tried for about a day, or the other side wants no more. */
  "given up",
  /** Its subscription was switched off before it could be sent. */
  "dropped",
] as const;

export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];
