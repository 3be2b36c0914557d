import { statSync } from "node:fs";

import pg from "pg";
import { expect, it } from "vitest";

import {
  heldBy,
  makeEmbeddedProject,
  processesWith,
} from "../../../../../test/support/embedded-project.ts";
import { acquireEmbeddedPostgres } from "./acquire.ts";
import type { EmbeddedConnection } from "./endpoint.ts";
import { embeddedStatus } from "./status.ts";

it("creates a server, adopts it while it runs, and starts it again on the same data", async () => {
  const project = makeEmbeddedProject();
  expect(await embeddedStatus(project.home)).toEqual({ state: "not created" });

  const first = await acquireEmbeddedPostgres(project);
  expect(first.how).toBe("created");
  expect(project.reports).toEqual([
    `Creating a PostgreSQL 18 data folder in ${project.data} (once).`,
  ]);
  await query(first.connection(), "create table kept as select 42 as answer");

  const second = await acquireEmbeddedPostgres(project);
  expect(second).toMatchObject({ how: "adopted", pid: first.pid });
  expect(await embeddedStatus(project.home)).toMatchObject({
    state: "running",
    version: "18",
    pid: first.pid,
  });
  expect(await first.release()).toBe("left running for others");
  expect(await second.release()).toBe("stopped");
  expect(await second.release()).toBe("stopped");
  expect(await embeddedStatus(project.home)).toMatchObject({ state: "stopped" });
  expect(processesWith(project.folder)).toEqual([]);

  const third = await acquireEmbeddedPostgres(project);
  expect(third.how).toBe("started");
  expect(await query(third.connection(), "select answer from kept")).toEqual([{ answer: 42 }]);
  expect(await third.release()).toBe("stopped");
});

it("keeps acknowledged commits on the disk, and its folder and socket to itself", async () => {
  const project = makeEmbeddedProject();
  const server = await acquireEmbeddedPostgres({ ...project, settings: { work_mem: "6MB" } });
  const wanted = {
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    data_checksums: "on",
    wal_level: "replica",
    listen_addresses: "",
    max_connections: "60",
    work_mem: "6MB",
  };
  for (const [name, value] of Object.entries(wanted)) {
    expect(await query(server.connection(), `show ${name}`)).toEqual([{ [name]: value }]);
  }
  for (const folder of [server.home, project.data, server.connection().host]) {
    expect(statSync(folder).mode & 0o777, folder).toBe(0o700);
  }
  await server.release();
});

it("reports settings that an adopted server does not have, and refuses those by which it is found", async () => {
  const project = makeEmbeddedProject();
  const server = await acquireEmbeddedPostgres({ ...project, settings: { max_connections: 30 } });
  const settings = { max_connections: 30, work_mem: "6MB" };
  const other = await acquireEmbeddedPostgres({ ...project, settings });
  expect(project.reports.at(-1)).toMatch(/count from its next start on: work_mem\.$/);
  await other.release();
  await server.release();
  await expect(
    acquireEmbeddedPostgres({ ...project, settings: { port: 5433 } }),
  ).rejects.toMatchObject({
    code: "invalid_setting",
  });
});

it("three processes that race to create it share one server, and the last one out stops it", async () => {
  const project = makeEmbeddedProject();
  const holders = await Promise.all([
    project.startHolder(),
    project.startHolder(),
    project.startHolder(),
  ]);
  const held = await Promise.all(holders.map(heldBy));
  expect(new Set(held.map(({ pid }) => pid)).size).toBe(1);
  expect(held.filter(({ how }) => how !== "adopted")).toHaveLength(1);

  for (const holder of holders) holder.kill("SIGTERM");
  const released = await Promise.all(
    holders.map((holder) => holder.waitForLine(/^released (.*)$/)),
  );
  expect(released.map(([, how]) => String(how)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    "left running for others",
    "left running for others",
    "stopped",
  ]);
  await Promise.all(holders.map(({ exited }) => exited));
  expect(processesWith(project.folder)).toEqual([]);
});

it("whoever comes while the last one leaves gets a running server", async () => {
  const project = makeEmbeddedProject();
  const seed = await acquireEmbeddedPostgres(project);
  await query(seed.connection(), "create table visit (n int)");
  await seed.release();
  const visit = async (): Promise<void> => {
    for (let round = 0; round < 5; round += 1) {
      const server = await acquireEmbeddedPostgres(project);
      await query(server.connection(), "insert into visit values (1)");
      await server.release();
    }
  };
  await Promise.all([visit(), visit(), visit()]);
  const last = await acquireEmbeddedPostgres(project);
  expect(await query(last.connection(), "select count(*)::int as n from visit")).toEqual([
    { n: 15 },
  ]);
  expect(await last.release()).toBe("stopped");
});

async function query(connection: EmbeddedConnection, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
