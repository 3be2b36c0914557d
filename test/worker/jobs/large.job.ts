import { after, defineFlow } from "@millrace/sdk";

const flow = (name: string, isolation: "process" | "thread") =>
  defineFlow({ name, isolation, retry: { maxAttempts: 1 } })
    .node("extract", () => "x".repeat(2_000_000))
    .node("count", after("extract"), ({ extract }) => extract.length);

export const largeProcess = flow("large-process", "process");
export const largeThread = flow("large-thread", "thread");
