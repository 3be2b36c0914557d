import { AllowedHosts, AttemptCalls, HttpClient, OutboundGuard } from "@millrace/sdk/http";
import { expect, test } from "vitest";
import { CallAnswerer } from "./answer-call.ts";
import type { CallAnswer, CallQuestion } from "./protocol.ts";

test("what a handler forges on its channel is answered, or not, and ends no worker", async () => {
  const client = new HttpClient({ guard: new OutboundGuard(new AllowedHosts([])) });
  const bound = { value: "canary-0a1b2c3d", hosts: ["api.crm.example"] };
  const calls = new AttemptCalls(client, {
    ...{ runId: "r", correlationId: undefined, hosts: [], onCalled: () => {} },
    secrets: () => ({ CRM_TOKEN: bound }),
  });
  const answers: CallAnswer[] = [];
  const answerer = new CallAnswerer({ calls }, (answer) => answers.push(answer));
  const order = { url: "https://evil.example/", method: "GET", body: null, accept: [] };
  const forged: unknown[] = [
    null,
    7,
    {},
    { id: 1 },
    { id: 2, order: null },
    { id: 3, order: { ...order, headers: [["host", "api.crm.example"]] } },
    { id: 4, order: { ...order, headers: [["x", { form: "other", secret: "CRM_TOKEN" }]] } },
    { id: 5, order: { ...order, headers: [["x", { form: "raw", secret: "__proto__" }]] } },
    { id: 6, order: { ...order, headers: [], retry: { maxAttempts: 1e9 } } },
    { id: 7, drop: true },
  ];
  for (const question of forged) await answerer.take(question as CallQuestion);
  expect(answers).toHaveLength(forged.length - 1);
  expect(answers.every((answer) => "failed" in answer)).toBe(true);
  expect(JSON.stringify(answers)).not.toContain("canary");
});
