import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Checkup, Finding } from "@millrace/core/api";
import { defineJob } from "@millrace/sdk";
import { expect, onTestFinished, test } from "vitest";
import { checkDisk } from "../../packages/server/src/engine/doctor/check-disk.ts";
import { checkSecrets } from "../../packages/server/src/engine/doctor/check-secrets.ts";
import { lookOver } from "../../packages/server/src/engine/doctor/look-over.ts";
import { Doctor, type DoctorOptions } from "../../packages/server/src/engine/doctor/doctor.ts";
import { startApi } from "../support/api.ts";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { storeSecret } from "../support/secrets.ts";

const any = defineJob({ name: "any", run: () => null });

function doctorOf(mill: Mill, options: Partial<DoctorOptions> = {}): Doctor {
  return new Doctor({
    ...{ db: mill.db, place: "at here", keys: secretKeys(), kept: [] },
    ready: async () => ({ ok: true, checks: { database: "ok" } }),
    ...options,
  });
}

const told = (findings: readonly Finding[], check: string) =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ level, text }) => `${level} ${text}`);

test("an admin is told over HTTP what the doctor of the command line sees, and of the process that answers", async () => {
  const api = await startApi({
    health: async () => ({ ok: true, checks: { database: "ok", transport: "gone away" } }),
  });
  const { status, body } = await api.call("/api/v1/doctor");
  expect(status).toBe(200);
  const { findings } = body as Checkup;
  expect(told(findings, "version")).toEqual([expect.stringMatching(/^ok PostgreSQL \d+/)]);
  expect(told(findings, "server")).toEqual([
    "warn transport of the process that answers: gone away",
  ]);
});

test("everything is looked at: of what is not well it says how to mend it", async () => {
  const mill = await Mill.create(any);
  const patient = { partMs: 30_000, wholeMs: 60_000 };
  const findings = await lookOver(mill.db, { place: "at here", keys: secretKeys(), ...patient });
  expect([...new Set(findings.map(({ check }) => check))].sort()).toEqual([
    ...["claims", "clock", "connections", "dead letters", "durability", "history", "keys"],
    ...["latency", "partitions", "processes", "queues", "rights", "schema", "secrets", "snapshots"],
    ...["version", "workers", "wraparound"],
  ]);
  expect(told(findings, "version")).toEqual([
    expect.stringMatching(/^ok PostgreSQL [\d.]+ at here$/),
  ]);
  expect(told(findings, "latency")).toEqual([
    expect.stringMatching(/^ok a statement goes there and back in /),
  ]);
  expect(told(findings, "schema")).toEqual(["ok the schema is that of this version"]);
  for (const { level, fix } of findings) expect(fix === undefined).toBe(level === "ok");
});

test("a key of a project is refused in words: what the doctor sees is of the whole installation", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const json = { name: "crm admin", role: "admin", projects: ["crm"] };
  const { key } = (await api.call("/api/v1/keys", { json })).body;
  const { status, body } = await api.call("/api/v1/doctor", { key });
  expect([status, body.code]).toEqual([403, "forbidden"]);
  expect(body.detail).toMatch(/whole installation/);
});

test("however many ask at the same time, and shortly after, it looks once", async () => {
  const mill = await Mill.create(any);
  let looks = 0;
  const ready = async () => {
    looks++;
    return { ok: true, checks: {} };
  };
  const doctor = doctorOf(mill, { ready });
  const [first, ...others] = await Promise.all(Array.from({ length: 50 }, () => doctor.examine()));
  expect(looks).toBe(1);
  expect(new Set([first, ...others, await doctor.examine()]).size).toBe(1);
});

test("what hangs is named, hides nothing of the rest, and is not waited for until it ends", async () => {
  const mill = await Mill.create(any);
  const holder = await mill.connection();
  await holder.query("begin; lock table millrace.queue, millrace.process in access exclusive mode");
  // Both hang until long after the test would have been given up.
  const { findings } = await doctorOf(mill, { ready: () => new Promise(() => {}) }).examine();
  expect(told(findings, "database")).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        /^bad .* could not be looked at \(processes\): it took longer than \d{1,3} ms$/,
      ),
      expect.stringMatching(
        /^bad .* could not be looked at \(work\): it took longer than \d{1,3} ms$/,
      ),
    ]),
  );
  expect(told(findings, "server")).toEqual([
    expect.stringMatching(/^warn this process took longer than \d{1,3} ms/),
  ]);
  expect(told(findings, "schema")).toHaveLength(1);
  expect(told(findings, "history")).toHaveLength(1);
  await holder.query("rollback");
});

test("a database that is away is a finding, too", async () => {
  const api = await startApi({ away: true });
  const { status, body } = await api.call("/api/v1/doctor");
  expect(status).toBe(200);
  expect(body.findings[0]).toMatchObject({ check: "database", level: "bad" });
  expect(JSON.stringify(body)).not.toContain("secret-of-the-database");
});

test("secrets are missed that jobs of living workers declare and do not get, and those that have expired", async () => {
  const wanting = (name: string, secrets: string[]) =>
    defineJob({ name, secrets, run: () => null });
  const jobs = [wanting("a", ["CRM", "MAIL"]), wanting("b", ["CRM", "GONE"]), wanting("c", ["X"])];
  const mill = await Mill.create(...jobs);
  const keys = secretKeys();
  const found = async () =>
    (await checkSecrets(mill.db, new Date())).map(({ level, text, fix }) => [level, text, fix]);
  // Of workers that live nobody misses one yet.
  expect(await found()).toEqual([["ok", expect.any(String), undefined]]);
  await mill.rows(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms, project)
     values ('host:1', 1, '{}', '{a,b}', '1', 12000, 'default')`,
  );
  await storeSecret(mill.db, keys, "CRM", "long enough", ["a"]);
  await storeSecret(mill.db, keys, "MAIL", "long enough");
  await mill.rows(
    "update millrace.secret set expires_at = now() - interval '3 days' where name = 'MAIL'",
  );
  expect(await found()).toEqual([
    [
      "bad",
      "secret CRM is not given to 1 job of living workers: b, whose runs cannot start",
      "set it again, with each job that is to have it: millrace secrets set CRM --job …",
    ],
    [
      "bad",
      "secret GONE is not set, and is wanted by 1 job of living workers: b, whose runs cannot start",
      "millrace secrets set GONE --job b",
    ],
    ["warn", expect.stringMatching(/^secret MAIL expired 3 d/), "millrace secrets set MAIL"],
  ]);
});

test("of what this machine keeps itself, the room on its disk is told", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [room, nowhere] = await checkDisk([
    { what: "large values", folder },
    { what: "the database", folder: join(folder, "no-such") },
  ]);
  expect(room!.text).toMatch(/^[\d.]+ [kMGT]?B of the disk of large values are free \(\d+ %\)/);
  expect(nowhere).toMatchObject({ level: "warn", text: expect.stringContaining("ENOENT") });
});
