import { expect, test } from "vitest";
import { createLogger } from "../telemetry/logger.ts";
import { Bell } from "./bell.ts";
import type { Transport } from "./transport.ts";

/** Delivers nothing, and keeps what it was to deliver. */
function silentTransport(published: (readonly string[])[]): Transport {
  return {
    name: "silent",
    words: "nothing",
    capabilities: { audience: "all", keeps: false, redelivers: false, trusted: true },
    publish: async (queues) => void published.push(queues),
    receive: async () => ({ pause() {}, resume() {}, close: async () => {} }),
    check: async () => {},
    close: async () => {},
  };
}

test("every ring is heard at once in the same process, while the transport is rung once and rests", () => {
  const published: (readonly string[])[] = [];
  const bell = new Bell(silentTransport(published), createLogger("silent"));
  const heard: string[] = [];
  const stop = bell.hear((queue) => heard.push(queue));
  for (const queue of ["mail", "mail", "default"]) bell.ring(queue);
  expect(heard).toEqual(["mail", "mail", "default"]);
  expect(published).toEqual([["mail"]]);
  stop();
  bell.ring("mail");
  expect(heard).toHaveLength(3);
});
