import { expect, test } from "vitest";
import { type GatePolicy, HostGate } from "./host-gate.ts";
import type { HttpClock } from "./http-clock.ts";

/** A clock that stands until somebody puts it on, and whom it wakes then. */
class HandClock implements HttpClock {
  #now = 0;
  #sleeping: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sleeping.push({ at: this.#now + ms, wake: resolve });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  async putOn(ms: number): Promise<void> {
    this.#now += ms;
    for (const { at, wake } of this.#sleeping) if (at <= this.#now) wake();
    this.#sleeping = this.#sleeping.filter(({ at }) => at > this.#now);
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function gate(policy: Partial<GatePolicy>) {
  const clock = new HandClock();
  const made = new HostGate(
    { concurrency: 100, rate: null, maxWaitMs: 30_000, breaker: null, ...policy },
    clock,
  );
  let inside = 0;
  const enter = (signal = new AbortController().signal) =>
    made.enter(signal).then((turnedAway) => {
      if (!turnedAway) inside++;
      return turnedAway;
    });
  return { gate: made, clock, enter, entered: () => inside };
}

test("no more calls are under way at once than a host takes, and they come in their order", async () => {
  const { gate: g, enter } = gate({ concurrency: 2 });
  const order: number[] = [];
  for (const n of [1, 2, 3, 4]) void enter().then(() => order.push(n));
  await settled();
  expect(order).toEqual([1, 2]);
  g.leave("succeeded");
  await settled();
  expect(order).toEqual([1, 2, 3]);
  g.leave("failed");
  await settled();
  expect(order).toEqual([1, 2, 3, 4]);
});

test("a rate lets a burst begin at once, and the rest evenly; who would wait too long does not wait", async () => {
  const rate = { limit: 10, perMs: 1000, burst: 2 };
  const { clock, enter, entered } = gate({ rate, maxWaitMs: 250 });
  for (let n = 0; n < 4; n++) void enter();
  await settled();
  expect(entered()).toBe(2);
  expect(await enter()).toEqual({ why: "busy", afterMs: 300 });
  await clock.putOn(99);
  expect(entered()).toBe(2);
  await clock.putOn(1);
  expect(entered()).toBe(3);
  await clock.putOn(100);
  expect(entered()).toBe(4);
});

test("who asks to be left alone is left alone by all", async () => {
  const { gate: g, clock, enter, entered } = gate({});
  void enter();
  await settled();
  g.holdFor(5000);
  void enter();
  await clock.putOn(4999);
  expect(entered()).toBe(1);
  await clock.putOn(1);
  expect(entered()).toBe(2);
  g.holdFor(40_000);
  expect(await enter()).toEqual({ why: "busy", afterMs: 40_000 });
});

test("who is told to stop leaves the line, and takes nobody's place", async () => {
  const { gate: g, clock, enter, entered } = gate({ concurrency: 1, maxWaitMs: 1000 });
  await enter();
  const stop = new AbortController();
  const stopped = enter(stop.signal);
  const late = enter();
  stop.abort(new Error("stopped"));
  await expect(stopped).rejects.toThrow("stopped");
  await clock.putOn(1000);
  expect(await late).toEqual({ why: "busy", afterMs: 1000 });
  g.leave("succeeded");
  await enter();
  expect(entered()).toBe(2);
  g.leave("left");
  expect(g.idle).toBe(true);
});

test("a host that fails is left alone, also by those who waited for their turn", async () => {
  const {
    gate: g,
    clock,
    enter,
  } = gate({
    concurrency: 1,
    breaker: { failures: 1, openMs: 10_000 },
  });
  await enter();
  const waiting = enter();
  expect(g.leave("failed")).toBe(true);
  expect(await waiting).toEqual({ why: "circuit_open", afterMs: 10_000 });
  await clock.putOn(10_000);
  expect(await enter()).toBeUndefined();
  g.leave("succeeded");
  expect(await enter()).toBeUndefined();
});
