/** Headers that several operations take, by the names that the OpenAPI document has for them. */
export const PARAMETERS = {
  RequestId: {
    name: "X-Request-Id",
    in: "header",
    required: false,
    description:
      "Names the request in the server's log, instead of an id that the server makes. What is not of this form is not used.",
    schema: { type: "string", pattern: "^[\\w.:/+=@-]{1,128}$" },
  },
  CorrelationId: {
    name: "X-Correlation-Id",
    in: "header",
    required: false,
    description: "Kept with the run. The body's correlationId wins.",
    schema: { type: "string", pattern: "^[\\w.:/+=@-]{1,128}$" },
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "Makes it safe to repeat: for 24 h the same caller gets the same answer for the same key, address and body, with the header Idempotency-Replayed, and nothing is made twice.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    required: false,
    description: "The ETag of what was read: a change of somebody else since then answers 412.",
    schema: { type: "string" },
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "The ETag of what one has: 304 when it is still so.",
    schema: { type: "string" },
  },
} as const;

/** Headers of answers. */
export const HEADERS = {
  RequestId: {
    description: "The id of the request, as the server's log has it",
    schema: { type: "string" },
  },
  RateLimit: {
    description:
      'What is left of the caller\'s rate in this process, such as "caller";r=999;t=1; not there when none is set',
    schema: { type: "string" },
  },
  RateLimitPolicy: {
    description: 'The caller\'s rate in each process, such as "caller";q=1000;w=1',
    schema: { type: "string" },
  },
  RetryAfter: { description: "In seconds", schema: { type: "integer" } },
  ETag: {
    description: "Of the answer, for If-None-Match and If-Match",
    schema: { type: "string" },
  },
  Location: { description: "Where it is", schema: { type: "string" } },
  IdempotencyReplayed: {
    description: "true when the answer is that of an earlier request with the same Idempotency-Key",
    schema: { const: "true" },
  },
} as const;
