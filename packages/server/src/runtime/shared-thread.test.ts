import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { SharedThread } from "./shared-thread.ts";

const ECHO = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", (said) => parentPort.postMessage(said));`)}`,
);

test("all who want it get one thread, and another when it has ended", async () => {
  const shared = new SharedThread(ECHO);
  const first = shared.get();
  expect(shared.get()).toBe(first);
  first.postMessage("is anybody there?");
  expect(await once(first, "message")).toEqual(["is anybody there?"]);

  await first.terminate();
  const second = shared.get();
  onTestFinished(async () => void (await second.terminate()));
  expect(second).not.toBe(first);
  second.postMessage("and now?");
  expect(await once(second, "message")).toEqual(["and now?"]);
});
