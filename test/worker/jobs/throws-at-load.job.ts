import { isMainThread } from "node:worker_threads";
import { defineJob } from "@millrace/sdk";

// The worker loads it; the thread that is to run its job cannot.
if (!isMainThread) throw new Error("not in here");

export const picky = defineJob({ name: "picky", isolation: "thread", run: () => "loaded" });
