import { after, defineFlow, defineJob } from "@millrace/sdk";
import { z } from "zod";

export const haul = defineJob({
  name: "haul",
  input: z.object({ kg: z.number().max(1000) }),
  async run({ kg }, { step }) {
    await step("weigh", () => kg);
    await step("load", () => ({ kg, at: new Date(0) }));
    await step.sleep("drive", "30d");
    return await step("unload", () => `${kg} kg`);
  },
});

export const pinned = defineJob({
  name: "pinned",
  version: "2",
  async run(_input, { step }) {
    await step("open", () => 1);
    await step.sleep("rest", "30d");
  },
});

export const same = defineJob({
  name: "same",
  run: (_input, { step }) => step.sleep("rest", "30d"),
});

export const booked = defineJob({
  name: "booked",
  async run(_input, { step }) {
    const saga = step.saga();
    await saga.effect("charge", { do: () => 1, idempotent: true }, () => {});
    await step.approval("refund", { ask: "Refund it?", notify: () => {} });
  },
});

/** It waits for something that never comes, before its first step. */
export const quiet = defineJob({
  name: "quiet",
  async run(_input, { step }) {
    await new Promise(() => {});
    await step("open", () => 1);
    await step.sleep("rest", "30d");
  },
});

export const permit = defineJob({
  name: "permit",
  run: (_input, { step }) => step.approval("sign", { ask: "May it pass?", notify: () => {} }),
});

export const quarry = defineFlow({ name: "quarry" })
  .node("dig", () => "stone")
  .node("sieve", after("dig"), ({ dig }) => dig)
  .child("wait", after("sieve"), same, () => ({}));

/** It asks nobody any more. */
export const asked = defineJob({
  name: "asked",
  async run(_input, { step }) {
    await step("open", () => 1);
    return await step("close", () => 1);
  },
});

/** It cannot read what its first step gave before. */
export const misread = defineJob({
  name: "misread",
  async run(_input, { step }) {
    const opened: { at?: Date } = await step("open", () => ({ at: new Date(0) }));
    opened.at!.getTime();
    await step.sleep("rest", "30d");
  },
});
