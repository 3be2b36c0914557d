import { type Context, defineJob } from "@millrace/sdk";
import { z } from "zod";
import { activated, projectMade, surveyAnswered } from "./events.ts";
import type { Template } from "./mails.ts";
import { send } from "./outbox.ts";

const input = z.strictObject({
  account: z.string().min(1).max(100).default("ada"),
  email: z.email().max(200).default("ada@example.com"),
});

/** The first month of a customer, in one function: it runs for seconds, and waits for the rest without a worker. */
export const onboarding = defineJob({
  name: "onboarding",
  description:
    "Accompanies a new account for a month: mails by what it does, and a survey at the end.",
  input,
  retry: { maxAttempts: 10, firstDelay: "2s", maxDelay: "1h" },
  timeout: "1m",
  run: async ({ account, email }, { step, publish }) => {
    const where = { account };
    void publish("stage", "welcomed");
    await mail(step, email, "welcome");

    const active = await step.waitFor(activated, { where, timeout: "3d" });
    void publish("stage", active ? "active" : "silent");
    await mail(step, email, active ? "tips" : "reminder");

    await step.sleep("first week", "7d");
    // What has happened since the beginning counts, not only what happens from now on.
    const project = await step.waitFor(projectMade, { where, timeout: "7d" });
    void publish("stage", project ? "at work" : "without a project");
    await mail(step, email, project ? "congratulations" : "first-project");

    await step.sleep("rest of the month", "14d");
    await mail(step, email, "survey");
    const survey = await step.waitFor(surveyAnswered, { where, timeout: "7d" });
    if (survey) await mail(step, email, "thanks");
    void publish("stage", "done");
    return {
      account,
      activated: active !== null,
      project: project?.project ?? null,
      score: survey?.score ?? null,
    };
  },
});

/** Sent once for each key, so it is simply sent again where a worker has died over it. */
function mail(step: Context["step"], to: string, template: Template): Promise<void> {
  return step.effect(`mail ${template}`, {
    do: ({ idempotencyKey }) => send(to, template, idempotencyKey),
    idempotent: true,
  });
}
