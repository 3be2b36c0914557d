import type { AttributeValue, Attributes, Link } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/** A span as it may be told: whatever of its texts holds a secret is masked. One that holds none is handed on as it is. */
export function maskedSpan(span: ReadableSpan, mask: (text: string) => string): ReadableSpan {
  const texts = JSON.stringify([span.name, span.status, span.attributes, span.events, span.links]);
  if (mask(texts) === texts) return span;
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

function maskedValue(
  value: AttributeValue | undefined,
  mask: (text: string) => string,
): AttributeValue | undefined {
  if (typeof value === "string") return mask(value);
  if (!Array.isArray(value)) return value;
  return value.map((item) => (typeof item === "string" ? mask(item) : item)) as AttributeValue;
}
