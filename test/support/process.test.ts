import { expect, test } from "vitest";
import { Child } from "./child-process.ts";
import { isAlive } from "./is-alive.ts";
import { startProcess } from "./process.ts";
import { until } from "./until.ts";

const node = (code: string, options?: Parameters<typeof startProcess>[2]) =>
  startProcess(process.execPath, ["-e", code], options);

test("a line is awaited, and found also when it was written before", async () => {
  const child = await node(`console.log("port 4700"); console.error("done")`);
  await child.waitForLine(/^done$/);
  expect((await child.waitForLine(/^port (\d+)$/))[1]).toBe("4700");
  expect(await child.exited).toEqual({ code: 0, signal: null });
});

test("waiting for a line of a process that ends says how it ended and what it wrote", async () => {
  const child = await node(`console.log("alas"); process.exitCode = 3`);
  await expect(child.waitForLine(/^ready$/)).rejects.toThrow(
    /ended \(exit code 3\) before a line like \/\^ready\$\/; its output:\nalas/,
  );
});

test(
  "a group is killed with all that it started",
  { skip: process.platform === "win32" },
  async () => {
    const child = await node(
      `const { spawn } = require("node:child_process");
     console.log("grandchild", spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]).pid);
     setInterval(() => {}, 1000)`,
      { group: true },
    );
    const pid = Number((await child.waitForLine(/^grandchild (\d+)$/))[1]);
    await child[Symbol.asyncDispose]();
    await until("the grandchild is gone", () => !isAlive(pid));
  },
);

test("a program that does not exist is an error at the start", async () => {
  await expect(Child.start("millrace-none-such", [])).rejects.toThrow("ENOENT");
});

test("a condition that is never met is named with the last answer", async () => {
  await expect(until("pigs fly", () => undefined, { deadlineMs: 20 })).rejects.toThrow(
    "waited 20 ms in vain until pigs fly; the last answer was undefined",
  );
});
