import { NonRetryableError, defineEvent, defineJob } from "@millrace/sdk";
import { z } from "zod";

export const helper = defineJob({
  name: "helper",
  subject: "customerId",
  input: z.object({ customerId: z.string(), said: z.string() }),
  retry: { maxAttempts: 1 },
  run: ({ said }) => {
    if (said.startsWith("bad ")) throw new Error(`cannot help ${said}`);
    return { helped: said };
  },
});

const paid = defineEvent({ name: "paid", payload: z.object({ said: z.string() }) });

export const bare = defineJob({
  name: "bare",
  input: z.object({ said: z.string() }),
  run: ({ said }) => ({ said }),
});

/** Says what it was given in each way that there is. */
function letter<const Name extends string>(name: Name, isolation: "inline" | "thread" | "process") {
  return defineJob({
    name,
    isolation,
    subject: "customerId",
    concurrency: { key: "customerId", limit: 5 },
    input: z.object({ customerId: z.string(), said: z.string(), way: z.string() }),
    retry: { maxAttempts: 3, firstDelay: "5ms", maxDelay: "5ms" },
    run: async ({ customerId, said, way }, ctx) => {
      const { log, progress, publish, step } = ctx;
      log.info(`about ${said}`, { said });
      progress(1, 2, said);
      await publish("where", { said });
      const kept = await step("keep", () => ({
        said,
        large: way === "large" ? said.repeat(9000) : "",
      }));
      await step("refuse", () => {
        throw new Error(`not ${said}`);
      }).catch(() => {});
      const { helped } = await step.call(helper, { customerId, said });
      const all = await step.fanOut(
        helper,
        [
          { customerId, said },
          { customerId: `${customerId} 2`, said },
          { customerId, said: `bad ${said}` },
        ],
        { failures: "collect" },
      );
      if (way === "fail")
        throw Object.assign(new NonRetryableError(`it is ${said}`), { name: `Odd ${said}` });
      if (way === "again") throw new RangeError(`again ${said}`);
      if (way === "die") process.kill(process.pid, "SIGKILL");
      if (way === "print") console.error(said);
      if (way === "wait") await step.sleep("long", "30d");
      if (way === "ask")
        await step.approval("sure", { ask: `sure of ${said}?`, details: { said } });
      if (way === "event") await step.waitFor(paid, { where: { said } });
      if (way === "bare") await step.call(bare, { said });
      if (way === "next") return ctx.continueAsNew({ customerId, said, way: "ok" });
      if (way === "other")
        return ctx.continueAsNew({ customerId: `${customerId} 3`, said, way: "ok" });
      return { kept: kept.said, helped, all: JSON.stringify(all) };
    },
  });
}

export const inline = letter("letter-inline", "inline");
export const thread = letter("letter-thread", "thread");
export const child = letter("letter-process", "process");
