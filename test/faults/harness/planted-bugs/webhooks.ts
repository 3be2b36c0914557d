import type { PlantedBug } from "./planted-bug.ts";

const IN_TESTS = "test/api/webhooks-in.test.ts";
const OUT_TESTS = "test/maintenance/webhooks-out.test.ts";

/** Bugs of webhooks: two runs of one delivery, a signature that does not count, two senders, and addresses that are looked at twice. */
export const WEBHOOK_BUGS: readonly PlantedBug[] = [
  {
    bug: "a delivery that comes again makes another run",
    edits: [
      {
        file: "engine/webhooks/receiver.ts",
        find: "const idempotencyKey = `webhook:${id}:${deliveryId}`;",
        replace: "const idempotencyKey = `webhook:${id}:${deliveryId}:${Math.random()}`;",
      },
    ],
    caughtBy: {
      file: IN_TESTS,
      test: "S14: one delivery that comes twenty times at once is one run, and another is another",
    },
  },
  {
    bug: "the secret of before is taken for ever",
    edits: [
      {
        file: "engine/webhooks/endpoints.ts",
        find: "return until === null || Date.parse(until) > Date.now();",
        replace: "return until === null || Date.parse(until) > 0;",
      },
    ],
    caughtBy: {
      file: IN_TESTS,
      test: "S14: the secret of before is taken for as long as was said, and no longer",
    },
  },
  {
    bug: "two senders take the same delivery",
    edits: [
      {
        file: "store/webhook-deliveries.ts",
        find: "order by due_at limit $2 for update skip locked",
        replace: "order by due_at limit $2",
      },
    ],
    caughtBy: { file: OUT_TESTS, test: "S14: several senders send each delivery once" },
  },
  {
    bug: "of several addresses of a name one that may be is enough",
    edits: [
      {
        file: "../../sdk/src/http/outbound-guard.ts",
        find: "!addresses.every(({ address })",
        replace: "!addresses.some(({ address })",
      },
    ],
    caughtBy: {
      file: "test/security/outbound.test.ts",
      test: "S7: a name whose address changes after it was looked at leads nowhere else",
    },
  },
  {
    bug: "a secret of before signs for ever",
    edits: [
      {
        file: "store/webhook-deliveries.ts",
        find: "(o ->> 'until')::timestamptz > clock_timestamp()",
        replace: "(o ->> 'until')::timestamptz is not null",
      },
    ],
    caughtBy: {
      file: OUT_TESTS,
      test: "S14: while the secret of a subscription changes, deliveries are signed under both, and then under the new one alone",
    },
  },
];
