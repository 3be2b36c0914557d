import { after, defineFlow, defineJob } from "@millrace/sdk";
import { z } from "zod";

// The code that runs; ../next is what is to take its place.

export const haul = defineJob({
  name: "haul",
  input: z.object({ kg: z.number() }),
  async run({ kg }, { step, log }) {
    const lot = await step("load", () => ({ kg, at: new Date(0) }));
    log.info("loaded", { year: lot.at.getUTCFullYear() });
    await step("seal", () => "sealed");
    if (kg > 100) await step.sleep("drive", "30d");
    const arrived = await step("unload", () => `${lot.kg} kg`);
    if (kg === 13) throw new RangeError("an unlucky load");
    return arrived;
  },
  retry: { maxAttempts: 1 },
});

export const pinned = defineJob({
  name: "pinned",
  version: "1",
  async run(_input, { step }) {
    await step("open", () => 1);
    await step.sleep("rest", "30d");
  },
});

export const gone = defineJob({
  name: "gone",
  run: (_input, { step }) => step.sleep("rest", "30d"),
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

export const quiet = defineJob({
  name: "quiet",
  async run(_input, { step }) {
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
  .child("wait", after("dig"), same, () => ({}));

export const asked = defineJob({
  name: "asked",
  async run(_input, { step }) {
    await step("open", () => 1);
    await step.approval("really", { ask: "Close it?" });
    return await step("close", () => 1);
  },
});

export const misread = defineJob({
  name: "misread",
  async run(_input, { step }) {
    await step("open", () => ({}));
    await step.sleep("rest", "30d");
  },
});
