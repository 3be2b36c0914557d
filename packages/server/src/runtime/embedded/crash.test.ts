import { chownSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

import pg from "pg";
import { expect, it, onTestFinished } from "vitest";

import { Child } from "../../../../../test/support/child-process.ts";
import { heldBy, makeEmbeddedProject } from "../../../../../test/support/embedded-project.ts";
import { isAlive } from "../../../../../test/support/is-alive.ts";
import { until } from "../../../../../test/support/until.ts";
import { acquireEmbeddedPostgres } from "./acquire.ts";
import type { EmbeddedServer } from "./held-server.ts";
import { pidFileOf, readPidFile } from "./pid-file.ts";
import { postgresProcessesIn } from "./process-facts.ts";
import { embeddedStatus } from "./status.ts";

it("the server of a killed process is adopted by the next one, with every acknowledged commit", async () => {
  const project = makeEmbeddedProject();
  const holder = await project.startHolder("writing");
  const { pid } = await heldBy(holder);
  await holder.waitForLine(/^committed 50$/);
  holder.kill("SIGKILL");
  await holder.exited;

  const server = await acquireEmbeddedPostgres(project);
  expect(server).toMatchObject({ how: "adopted", pid });
  expect(await countAcknowledged(server)).toBeGreaterThanOrEqual(lastCommitted(holder));
  expect(await server.release()).toBe("stopped");
});

it("after a kill -9 of everything the next start recovers every acknowledged commit", async () => {
  const project = makeEmbeddedProject();
  for (let round = 1; round <= 3; round += 1) {
    const holder = await project.startHolder("writing");
    const { pid } = await heldBy(holder);
    await holder.waitForLine(/^committed 30$/);
    const everything = new Set([pid, ...postgresProcessesIn(project.data)]);
    holder.kill("SIGKILL");
    for (const victim of everything) killIfThere(victim);
    await holder.exited;

    const server = await acquireEmbeddedPostgres(project);
    expect(server.how).toBe("started");
    expect(await countAcknowledged(server)).toBeGreaterThanOrEqual(lastCommitted(holder));
    await query(server, "drop table acknowledged");
    expect(await server.release()).toBe("stopped");
  }
});

it("a postmaster that is killed is started again for all its holders, who learn of it", async () => {
  const project = makeEmbeddedProject();
  let restarts = 0;
  const hold = { ...project, onRestart: () => (restarts += 1) };
  const [one, other] = [await acquireEmbeddedPostgres(hold), await acquireEmbeddedPostgres(hold)];
  const [killed, left] = [one.pid, one.connection().host];
  process.kill(killed, "SIGKILL");

  await until("both have been told", () => restarts === 2);
  expect(one.pid).not.toBe(killed);
  expect(one.connection().host).not.toBe(left);
  expect(other.connection()).toEqual(one.connection());
  expect(await query(one, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(project.reports.filter((report) => /started again after/.test(report))).toHaveLength(1);
  expect(await one.release()).toBe("left running for others");
  expect(await other.release()).toBe("stopped");
});

it("a server whose socket was deleted is started again", async () => {
  const project = makeEmbeddedProject();
  const cutOff = await acquireEmbeddedPostgres(project);
  const killed = cutOff.pid;
  rmSync(cutOff.connection().host, { recursive: true });
  expect(await embeddedStatus(project.home)).toMatchObject({ state: "not answering", pid: killed });

  const server = await acquireEmbeddedPostgres(project);
  expect(server.pid).not.toBe(killed);
  await until("the first holder follows", () => cutOff.pid === server.pid);
  expect(await cutOff.release()).toBe("left running for others");
  expect(await server.release()).toBe("stopped");
});

it("a pid file that names another program or a zombie does not stop the next start", async () => {
  const project = makeEmbeddedProject();
  const first = await acquireEmbeddedPostgres(project);
  const written = readFileSync(pidFileOf(project.data), "utf8");
  await first.release();
  const { uid, gid } = statSync(project.data);
  const owner = process.getuid?.() === 0 ? { uid, gid } : {};
  // As the owner of the data, because PostgreSQL does not mind processes that it may not signal.
  const foreign = await startForTest("sleep", ["600"], owner);
  const zombies = await startForTest("sh", ["-c", "true & echo zombie $!; exec sleep 600"], owner);
  const [, zombie] = await zombies.waitForLine(/^zombie (\d+)$/);
  await until("its child is dead", () => !isAlive(Number(zombie)));

  for (const pid of [foreign.pid, Number(zombie)]) {
    const draft = path.join(project.home, "postmaster.pid");
    writeFileSync(draft, written.replace(/^\d+/, String(pid)), { mode: 0o600 });
    chownSync(draft, uid, gid);
    renameSync(draft, pidFileOf(project.data));
    expect(await embeddedStatus(project.home)).toMatchObject({ state: "stopped" });
    const server = await acquireEmbeddedPostgres(project);
    expect(server.how).toBe("started");
    expect(project.reports.at(-1)).toMatch(
      /^Took over the PostgreSQL data of a server that died: process \d+ is/,
    );
    await server.release();
  }
  expect(isAlive(foreign.pid)).toBe(true);
});

it("the watchdog stops a server that nobody holds any more", async () => {
  const project = makeEmbeddedProject();
  const [one, other] = [await project.startHolder(), await project.startHolder()];
  const [{ pid }] = await Promise.all([heldBy(one), heldBy(other)]);
  one.kill("SIGKILL");
  other.kill("SIGKILL");
  await until("the postmaster has stopped", () => !isAlive(pid));
  expect(readPidFile(project.data)).toBeUndefined();
  expect(readFileSync(path.join(project.home, "postgres.log"), "utf8")).toContain(
    "received fast shutdown request",
  );
});

async function startForTest(
  command: string,
  args: string[],
  owner: { uid?: number; gid?: number },
): Promise<Child> {
  const child = await Child.start(command, args, { ...owner, cwd: "/" });
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // a backend may have ended between the look and the kill
  }
}

function lastCommitted(holder: Child): number {
  return Number(
    holder.output
      .match(/^committed \d+$/gm)
      ?.at(-1)
      ?.split(" ")[1],
  );
}

async function countAcknowledged(server: EmbeddedServer): Promise<number> {
  const [row] = await query(
    server,
    "select count(*)::int as n, coalesce(max(n), 0)::int as last from acknowledged",
  );
  const { n, last } = row as { n: number; last: number };
  expect(n).toBe(last); // no gaps either
  return n;
}

async function query(server: EmbeddedServer, sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.connection());
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
