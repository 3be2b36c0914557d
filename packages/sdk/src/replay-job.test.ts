import { expect, test } from "vitest";
import { defineJob } from "./define-job.ts";
import { hostSecret } from "./http/host-secret.ts";
import { type ReplayedRun, replayJob } from "./replay-job.ts";

const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

test("a replay sends nothing that would change something, and ends there", async () => {
  const job = defineJob({
    name: "push",
    secrets: [hostSecret("CRM_TOKEN")],
    run: (_input, { fetch }) => fetch("https://api.crm.example/contacts", { method: "POST" }),
  });
  const run: ReplayedRun = {
    ...{ id: "01a20bd0-ce5b-7000-8535-adb02d2d12f9", input: {}, attempt: 2, trigger: "api" },
    ...{ correlationId: undefined, scheduledFor: undefined },
    ...{ checkpoints: [], waits: [], intents: [] },
  };
  const replayed = await replayJob(job, run, { log: LOG, patienceMs: 5000 });
  expect(replayed).toMatchObject({ end: "record ends", next: "ctx.fetch POST" });
});
