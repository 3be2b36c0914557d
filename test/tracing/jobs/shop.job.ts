import { trace } from "@opentelemetry/api";
import { type Context, defineJob } from "@millrace/sdk";
import { z } from "zod";

// A workflow of three steps, of which one calls another job, and one fails at first.

export const receipt = defineJob({
  name: "receipt",
  input: z.object({ order: z.string(), name: z.string() }),
  run: async (_input, { step, log }) => {
    log.info("printing");
    return step("print", () => ({ pages: 1 }));
  },
});

export const order = defineJob({
  name: "order",
  input: z.object({ order: z.string(), name: z.string(), shop: z.string() }),
  secrets: ["CARD_TOKEN"],
  retry: { maxAttempts: 3, firstDelay: "1ms" },
  run: async ({ order, name, shop }, { step, fetch, secrets, attempt, log }) => {
    log.info("ordering", { attempt });
    const reserved = await step("reserve", async () => {
      const answer = await fetch(`${shop}/goods/${name}?token=${secrets.CARD_TOKEN}`);
      return answer.status;
    });
    await step.call(receipt, { order, name });
    await step("charge", () => {
      if (attempt < 3) throw new Error(`the bank refused ${secrets.CARD_TOKEN}`);
      return 100;
    });
    return { reserved };
  },
});

export const shaky = defineJob({
  name: "shaky",
  retry: { maxAttempts: 2, firstDelay: "1ms" },
  run: (_input, { attempt }) => {
    if (attempt === 1) throw new Error("not yet");
    return null;
  },
});

// The same in places of their own, with what a library of the handler's traces.

const input = z.object({ shop: z.string() });

async function apart({ shop }: z.output<typeof input>, { step, fetch, log }: Context) {
  log.info("apart");
  return trace.getTracer("some-library").startActiveSpan("look something up", async (span) => {
    span.setAttribute("library.rows", 3);
    span.end();
    return await step("ask", async () => (await fetch(`${shop}/apart`)).status);
  });
}

export const inThread = defineJob({ name: "in-thread", isolation: "thread", input, run: apart });
export const inProcess = defineJob({ name: "in-process", isolation: "process", input, run: apart });
