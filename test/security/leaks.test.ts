import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { Canaries } from "./canaries.ts";
import { type World, jsonLines, leakyWorld } from "./leaky-world.ts";

/**
 * Where something might come out: a name, what is to be read there, and what must be in it, so that nobody looks at nothing. A new output is
 * one line here, and what it needs to happen a few in `leaky-world.ts`.
 */
const OUTPUTS: [name: string, read: (world: World) => string | Promise<string>, shows: RegExp][] = [
  ["the log", (world) => jsonLines(world).join("\n"), /\[secret CRM_TOKEN\]/],
  ["what the process prints", ({ server }) => server.output, /^Ready\./m],
  ["/metrics", async ({ ask }) => (await ask("/metrics")).text, /millrace_attempts_total\{/],
  ["the port for probes", ({ probes }) => read(`${probes}/metrics`), /millrace_attempts_total\{/],
  ["its health", ({ probes }) => read(`${probes}/healthz`), /"checks"/],
  ["Sentry", ({ sentry }) => sentry.envelopes.map(({ text }) => text).join(), /tells-process/],
  ["traces", ({ collector }) => collector.bodies.join("\n"), /tells-process/],
  ["webhooks and alerts", ({ sent }) => bodies(sent), /run\.failed/],
  ["targets of alerts", ({ shown }) => shown.join("\n"), /pagerduty/],
  ["answers that refuse", ({ refusals }) => refusals.join("\n"), /invalid_request/],
  ["titles of processes", ({ server }) => titles(server.pid), /millrace/],
];

/** But for those of PagerDuty, which have its key where it wants it. */
function bodies(sent: World["sent"]): string {
  return sent
    .filter(({ path }) => path !== "/pager")
    .map(({ body }) => body)
    .join("\n");
}

async function read(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** The command lines of a process and of what it started, as everybody on the machine can read them. */
function titles(pid: number): string {
  const of = (one: string) => readFileSync(`/proc/${one}/cmdline`, "utf8").replaceAll("\0", " ");
  const parent = (one: string) =>
    /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${one}/status`, "utf8"))?.[1];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const ours = pids.flatMap((one) => {
    try {
      return one === String(pid) || parent(one) === String(pid) ? [of(one)] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
  return ours.join("\n");
}

test("a canary is found however it is written", () => {
  const canaries = new Canaries();
  const value = canaries.plant("any");
  const bytes = Buffer.from(value);
  for (const text of [
    value,
    JSON.stringify({ value }),
    JSON.stringify(JSON.stringify({ value })),
    bytes.toString("hex"),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    Buffer.from(`user:${value}`).toString("base64"),
    Buffer.from(`a${value}b`).toString("base64url"),
    `https://${encodeURIComponent(value)}@example.com`,
    new URLSearchParams({ value }).toString(),
  ]) {
    expect(canaries.hitsIn(`before ${text} after`), text).not.toEqual([]);
  }
  expect(canaries.hitsIn("nothing")).toEqual([]);
});

test.skipIf(process.platform !== "linux")(
  "S11: no secret, password, key, DSN, or field of an input comes out in log, metrics, Sentry, traces, webhooks, alerts, refusals or titles, in any form",
  async () => {
    const canaries = new Canaries();
    const world = await leakyWorld(canaries);
    expect(canaries.count).toBeGreaterThanOrEqual(20);
    await until("the spans of all jobs are there", () =>
      ["tells-process", "careless", "calls", "about"].every((job) =>
        world.collector.spans.some(({ name }) => name.includes(job)),
      ),
    );
    for (const [name, read, shows] of OUTPUTS) {
      const text = await read(world);
      expect(text, name).toMatch(shows);
      expect(canaries.hitsIn(text), name).toEqual([]);
    }
    world.server.kill("SIGTERM");
    await world.server.exited;
    expect(canaries.hitsIn(world.server.output), "the log of its end").toEqual([]);
  },
  120_000,
);
