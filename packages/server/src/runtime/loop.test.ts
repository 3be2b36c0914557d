import { expect, test } from "vitest";
import { createLogger } from "../telemetry/logger.ts";
import { Loop } from "./loop.ts";

const logger = createLogger("silent");

test("rests as long as its turn says, unless it is woken", async () => {
  let turns = 0;
  let onTurn = () => {};
  const loop = new Loop(
    "test",
    async () => {
      turns++;
      onTurn();
      return 60_000;
    },
    logger,
  );
  await loop.start();
  for (let n = 2; n <= 4; n++) {
    const turned = new Promise<void>((resolve) => {
      onTurn = resolve;
    });
    loop.wake();
    await turned;
    expect(turns).toBe(n);
  }
  await loop.stop();
  expect(turns).toBe(4);
});

test("a turn that throws is taken again", async () => {
  let turns = 0;
  const recovered = new Promise<void>((resolve) => {
    const loop = new Loop(
      "test",
      async () => {
        if (++turns < 3) throw new Error("not yet");
        resolve();
        return 60_000;
      },
      logger,
    );
    void loop.start().then(() => recovered.then(() => loop.stop()));
  });
  await recovered;
  expect(turns).toBe(3);
});

test("stops once the turn that is under way has ended, however often it is told to", async () => {
  let ended = false;
  let begun = () => {};
  const begins = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const loop = new Loop(
    "test",
    async () => {
      begun();
      await new Promise((resolve) => setImmediate(resolve));
      ended = true;
      return 0;
    },
    logger,
  );
  await loop.start();
  await begins;
  await Promise.all([loop.stop(), loop.stop()]);
  expect(ended).toBe(true);
});
