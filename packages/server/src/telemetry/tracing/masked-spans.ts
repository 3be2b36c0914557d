import type { AttributeValue, Attributes, Link } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { CUT } from "../../security/masks.ts";
import { SPAN_LIMITS } from "./span-limits.ts";

type Mask = (text: string) => string;

/**
 * Spans as they may be told: whatever of their texts holds a secret is masked. Those that hold none are handed on as they are. Most hold none, which is
 * found out for all of them at once.
 */
export function maskedSpans(spans: readonly ReadableSpan[], mask: Mask): ReadableSpan[] {
  if (!holdsAny(spans, mask)) return [...spans];
  return spans.map((span) => (holdsAny([span], mask) ? maskedSpan(span, mask) : span));
}

function holdsAny(spans: readonly ReadableSpan[], mask: Mask): boolean {
  const texts: string[] = [];
  const tell = (attributes: Attributes = {}) => {
    for (const key in attributes) {
      const value = attributes[key];
      texts.push(key);
      if (Array.isArray(value)) texts.push(...value.map(whole));
      else texts.push(whole(value));
    }
  };
  for (const { name, status, attributes, events, links } of spans) {
    texts.push(name);
    if (status.message) texts.push(status.message);
    tell(attributes);
    for (const event of events) {
      texts.push(event.name);
      tell(event.attributes);
    }
    for (const link of links) tell(link.attributes);
  }
  const text = texts.join("\n");
  return mask(text) !== text;
}

function maskedSpan(span: ReadableSpan, mask: Mask): ReadableSpan {
  const { message } = span.status;
  const attributes = (given: Attributes = {}): Attributes =>
    Object.fromEntries(
      Object.entries(given).map(([key, value]) => [mask(key), maskedValue(value, mask)]),
    );
  const links = span.links.map((link): Link => ({
    ...link,
    ...(link.attributes && { attributes: attributes(link.attributes) }),
  }));
  // A span's getters are on its prototype.
  return Object.create(span, {
    name: { value: mask(span.name) },
    status: { value: { ...span.status, ...(message && { message: mask(message) }) } },
    attributes: { value: attributes(span.attributes) },
    links: { value: links },
    events: {
      value: span.events.map((event) => ({
        ...event,
        name: mask(event.name),
        ...(event.attributes && { attributes: attributes(event.attributes) }),
      })),
    },
  }) as ReadableSpan;
}

function maskedValue(value: AttributeValue | undefined, mask: Mask): AttributeValue | undefined {
  if (Array.isArray(value)) return value.map((item) => maskedValue(item!, mask)) as AttributeValue;
  if (value === undefined) return value;
  if (typeof value === "string") {
    const given = whole(value);
    const masked = mask(given);
    return given === value ? masked : masked.slice(0, -CUT.length);
  }
  // What looks like a number may be a secret: then it is a text.
  const text = String(value);
  const masked = mask(text);
  return masked === text ? value : masked;
}

/** With a mark where the SDK has cut it: it may end within a secret. */
function whole(value: unknown): string {
  const text = String(value);
  return text.length < SPAN_LIMITS.attributeValueLengthLimit ? text : text + CUT;
}
