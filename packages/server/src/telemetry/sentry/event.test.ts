import { expect, test } from "vitest";
import type { ErrorReport } from "../error-report.ts";
import { envelopeOf, eventOf } from "./event.ts";

const NOW = new Date("2026-11-26T12:00:00Z");

const ORIGIN = {
  environment: "test",
  release: undefined,
  serverName: undefined,
  version: "1.2.3",
  folder: "/srv/app",
};

function report(message: string, stack: string | null): ErrorReport {
  return {
    level: "error",
    failure: { class: "BankError", message, stack },
    fingerprint: ["bank/transfer", "0123456789abcdef"],
    where: "bank/transfer",
    tags: { job: "bank/transfer", long: "x".repeat(300) },
    facts: { attempt: 3 },
  };
}

test("frames are told from the outermost on, below the process's folder, and one's own apart from others'", () => {
  const stack = [
    "BankError: no",
    "    at transfer (file:///srv/app/jobs/bank.job.ts:7:11)",
    "    at async Object.run (/srv/app/node_modules/lib/run.js:1:2)",
    "    at node:internal/process/task_queues:95:5",
    "    at /elsewhere/x.js:3",
    "Caused by: Error: inner",
    "    at inner (/srv/app/inner.ts:1:1)",
  ].join("\n");
  const { exception } = eventOf(report("no", stack), ORIGIN, NOW);
  expect(exception.values[0]!.stacktrace!.frames).toEqual([
    { filename: "/elsewhere/x.js", lineno: 3, in_app: true },
    { filename: "node:internal/process/task_queues", lineno: 95, colno: 5, in_app: false },
    {
      filename: "node_modules/lib/run.js",
      function: "async Object.run",
      lineno: 1,
      colno: 2,
      in_app: false,
    },
    { filename: "jobs/bank.job.ts", function: "transfer", lineno: 7, colno: 11, in_app: true },
  ]);
});

test("credentials, queries and tokens are taken out of what an error says, whoever's they are", () => {
  const said = [
    "GET https://user:pa55@bank.example/a?token=abc123&x=1 failed",
    "postgres://me:secret@db/x refused",
    "amqps://me:it's@home@mq/x?a=1 refused",
    'Authorization: Bearer eyJhbGciOi.xyz-1 and "basic dXNlcjpwYXNz"',
  ];
  const { exception } = eventOf(report(said.join("; "), null), ORIGIN, NOW);
  expect(exception.values[0]!.value.split("; ")).toEqual([
    "GET https://[redacted]@bank.example/a?[redacted] failed",
    "postgres://[redacted]@db/x refused",
    "amqps://[redacted]@mq/x?[redacted] refused",
    'Authorization: Bearer [redacted] and "basic [redacted]"',
  ]);
});

test("an event names no server, no release and no trace that nobody has named, and holds long tags to their length", () => {
  const event = eventOf(report("no", null), ORIGIN, NOW);
  expect(Object.keys(event)).not.toContain("server_name");
  expect(Object.keys(event)).not.toContain("release");
  expect(Object.keys(event.contexts)).toEqual(["run", "runtime"]);
  expect(event.tags["long"]).toHaveLength(200);
  expect(event.exception.values[0]).not.toHaveProperty("stacktrace");
  const named = { ...ORIGIN, release: "app@7", serverName: "blue" };
  const traced = { ...report("no", null), traceId: "0af7651916cd43dd8448eb211c80319c" };
  expect(eventOf(traced, named, NOW)).toMatchObject({
    release: "app@7",
    server_name: "blue",
    contexts: { trace: { trace_id: "0af7651916cd43dd8448eb211c80319c" } },
  });
});

test("an envelope is three lines, whose second says how many bytes the third has, after it was scrubbed", () => {
  const event = eventOf(report("für alle", null), ORIGIN, NOW);
  const text = envelopeOf(event, (json) => json.replace("für alle", "[gone] ü"), NOW);
  const [head, item, body, rest] = text.split("\n");
  expect(JSON.parse(head!)).toMatchObject({ event_id: event.event_id });
  expect(JSON.parse(item!)).toMatchObject({ type: "event", length: Buffer.byteLength(body!) });
  expect(body).toContain("[gone] ü");
  expect(rest).toBe("");
});
