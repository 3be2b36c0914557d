/** How much of a span is recorded, wherever in the process it is. */
export const SPAN_LIMITS = {
  /** In UTF-16 units: what is longer is cut there, before anybody has looked for secrets. */
  attributeValueLengthLimit: 1024,
  attributeCountLimit: 64,
  eventCountLimit: 64,
};
