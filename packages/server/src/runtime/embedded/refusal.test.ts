import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

import { expect, it, onTestFinished } from "vitest";

import {
  makeEmbeddedProject,
  stopWhatRunsOn,
} from "../../../../../test/support/embedded-project.ts";
import { until } from "../../../../../test/support/until.ts";
import { acquireEmbeddedPostgres } from "./acquire.ts";
import { findHome, substituteHome } from "./home.ts";
import { StartTurn } from "./start-turn.ts";

const asRoot = process.getuid?.() === 0;

it("a damaged data folder is reported with PostgreSQL's own words, and left as it is", async () => {
  const project = makeEmbeddedProject();
  const server = await acquireEmbeddedPostgres(project);
  await server.release();
  const [control, aside] = ["pg_control", "pg_control.lost"].map((name) =>
    path.join(project.data, "global", name),
  ) as [string, string];
  renameSync(control, aside);
  await expect(acquireEmbeddedPostgres(project)).rejects.toMatchObject({
    code: "embedded_failed",
    message: expect.stringMatching(/does not start .* Nothing was deleted.*pg_control/s) as string,
  });
  renameSync(aside, control);

  rmSync(path.join(project.data, "PG_VERSION"));
  await expect(acquireEmbeddedPostgres(project)).rejects.toMatchObject({
    code: "embedded_failed",
    message: expect.stringContaining("has no PG_VERSION") as string,
  });
  expect(existsSync(path.join(project.data, "base"))).toBe(true);
  expect(readdirSync(project.home).filter((name) => name.startsWith("init-"))).toEqual([]);
});

it("an empty folder in the data's place, and data of another PostgreSQL, are not initialised", async () => {
  const project = makeEmbeddedProject();
  await (await acquireEmbeddedPostgres(project)).release();
  const version = path.join(project.data, "PG_VERSION");
  writeFileSync(version, "17\n");
  await expect(acquireEmbeddedPostgres(project)).rejects.toThrow(/was written by PostgreSQL 17/);
  renameSync(project.data, path.join(project.home, "pg17"));
  await expect(acquireEmbeddedPostgres(project)).rejects.toThrow(
    /holds data of another PostgreSQL/,
  );
  mkdirSync(project.data);
  await expect(acquireEmbeddedPostgres(project)).rejects.toThrow(/has no PG_VERSION/);
  expect(readdirSync(project.data)).toEqual([]);
});

it("data that vanish under a held server are missed aloud, and not replaced by an empty database until the next start", async () => {
  const project = makeEmbeddedProject();
  const server = await acquireEmbeddedPostgres(project);
  renameSync(project.data, `${project.data}.moved`);
  process.kill(server.pid, "SIGKILL");
  await until("it is reported", () =>
    project.reports.some((report) => report.includes("has disappeared")),
  );
  expect(existsSync(project.data)).toBe(false);
  expect(await server.release()).toBe("was gone");

  const next = await acquireEmbeddedPostgres(project);
  expect(next.how).toBe("created");
  expect(project.reports.at(-2)).toContain("beginning with an EMPTY database");
  await next.release();
});

it("binaries that are not there are named together with the way out", async () => {
  const project = makeEmbeddedProject();
  await expect(
    acquireEmbeddedPostgres({ ...project, native: project.folder }),
  ).rejects.toMatchObject({
    code: "invalid_setting",
    message: expect.stringContaining("MILLRACE_PG_NATIVE") as string,
  });
  expect(existsSync(project.home)).toBe(false);
});

it("an unknown account for the database is refused before anything is created", async () => {
  const project = makeEmbeddedProject();
  await expect(
    acquireEmbeddedPostgres({ ...project, account: "no-such-account" }),
  ).rejects.toMatchObject({
    code: "invalid_setting",
  });
  expect(existsSync(project.home)).toBe(false);
});

it.runIf(asRoot)(
  "as root, a project that the account cannot enter has its data where it can",
  async () => {
    const project = makeEmbeddedProject();
    chmodSync(project.folder, 0o700);
    const home = substituteHome(project.home);
    onTestFinished(async () => {
      await stopWhatRunsOn(path.join(home, "pg18"));
      rmSync(home, { recursive: true, force: true });
      if (readdirSync(path.dirname(home)).length === 0) rmdirSync(path.dirname(home));
    });
    const server = await acquireEmbeddedPostgres(project);
    expect(server.home).toBe(home);
    expect(project.reports.join("\n")).toContain(
      `cannot reach ${project.home}, so the data lie in ${home}.`,
    );
    expect(existsSync(path.join(project.folder, ".millrace"))).toBe(false);
    await server.release();

    chmodSync(project.folder, 0o711); // reachable by now, but the data are where they are
    expect(findHome(project.home)).toBe(home);
    const again = await acquireEmbeddedPostgres(project);
    expect(again).toMatchObject({ how: "started", home });
    await again.release();
  },
);

it.runIf(asRoot)(
  "as root, the data's owner runs PostgreSQL on them, and a home that others made is not taken over",
  async () => {
    const project = makeEmbeddedProject();
    const server = await acquireEmbeddedPostgres({ ...project, account: "nobody" });
    const { uid } = statSync(project.data);
    expect(uid).not.toBe(0);
    await server.release();
    await expect(acquireEmbeddedPostgres({ ...project, account: "daemon" })).rejects.toThrow(
      /belong to uid/,
    );
    const again = await acquireEmbeddedPostgres(project);
    expect(statSync(again.connection().host).uid).toBe(uid);
    await again.release();

    const filled = makeEmbeddedProject();
    mkdirSync(filled.home, { recursive: true });
    writeFileSync(path.join(filled.home, "letter"), "");
    chmodSync(path.dirname(filled.home), 0o711);
    await expect(acquireEmbeddedPostgres(filled)).rejects.toMatchObject({
      code: "embedded_unavailable",
    });
    expect(statSync(filled.home).uid).toBe(0);
  },
);

it("the turn to start is had by one at a time, and taken from a holder that died", () => {
  const { folder } = makeEmbeddedProject();
  const [one, other] = [new StartTurn(folder), new StartTurn(folder)];
  expect(one.tryTake()).toBe(true);
  expect(other.tryTake()).toBe(false);
  one.giveBack();
  expect(other.tryTake()).toBe(true);
  writeFileSync(path.join(folder, "starting"), "4194399 abandoned");
  expect(one.tryTake()).toBe(true);
  other.giveBack(); // no longer its own
  expect(existsSync(path.join(folder, "starting"))).toBe(true);
  one.giveBack();
  expect(existsSync(path.join(folder, "starting"))).toBe(false);
});
