import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startNode } from "../process.ts";
import { sweepMemory } from "./memory.ts";

test.runIf(process.platform === "linux")(
  "what a killed run has left in memory is ended and given back; what another run uses stays",
  async () => {
    const memory = mkdtempSync(join(tmpdir(), "millrace-memory-"));
    onTestFinished(() => rmSync(memory, { recursive: true }));
    const ended = await startNode("-e", ["0"]);
    await ended.exited;
    const place = (runner: number) => join(memory, `millrace-${runner}-abc`);
    const server = async (runner: number) => {
      const data = join(place(runner), "a server", "data");
      mkdirSync(data, { recursive: true });
      const child = await startNode("-e", ["setInterval(() => {}, 1000)", data]);
      writeFileSync(join(data, "postmaster.pid"), `${child.pid}\n`);
      return child;
    };
    const left = await server(ended.pid);
    const used = await server(process.pid);

    sweepMemory(memory);

    expect(await left.exited).toEqual({ code: null, signal: "SIGQUIT" });
    expect(existsSync(place(ended.pid))).toBe(false);
    expect(used.exit).toBe(undefined);
    expect(existsSync(place(process.pid))).toBe(true);
  },
);
