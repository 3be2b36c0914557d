import type { AttributeValue, Attributes, Link } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

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
    // A list is written as its items, with commas between them.
    for (const key in attributes) texts.push(key, String(attributes[key]));
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
  if (value === undefined || typeof value === "string") return value && mask(value);
  // What looks like a number may be a secret: then it is a text.
  const text = String(value);
  const masked = mask(text);
  return masked === text ? value : masked;
}
