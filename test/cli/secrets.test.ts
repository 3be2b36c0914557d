import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newKey } from "../support/secret-keys.ts";
import { createDatabase } from "../support/database.ts";
import { addressOf, launch, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { OneServer } from "./one-server.ts";

const JOBS = join(import.meta.dirname, "secrets");

const one = OneServer.forThisFile(JOBS);

const piped = (input: string, ...args: string[]) => millrace(args, one.client, { input });

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-secret-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "value"), text);
  return join(folder, "value");
}

test("a secret is set from stdin or a file, listed, rotated and removed, and the first makes the server's key", async () => {
  const keys = join(one.home, "secret-keys");
  expect(statSync(keys, { throwIfNoEntry: false })).toBeUndefined();
  expect(
    await piped("the-token-itself\n", "secrets", "set", "CRM_TOKEN", "--job", "a", "--job", "b"),
  ).toEqual({
    code: 0,
    stdout: "✓ CRM_TOKEN (version 1) is set for a, b\n",
    stderr: "",
  });
  if (process.platform !== "win32") expect(statSync(keys).mode & 0o777).toBe(0o600);

  const from = file("another-token\n");
  const set = await one.cli(
    "secrets",
    "set",
    "CRM_TOKEN",
    "--all-jobs",
    "--from-file",
    from,
    "--json",
  );
  expect(JSON.parse(set.stdout)).toMatchObject({ v: 1, name: "CRM_TOKEN", version: 2, jobs: null });
  const hosts = ["--host", "db.example:5432", "--host", "API.crm.example"];
  expect(
    (await one.cli("secrets", "refer", "DB", "env:DB_PASSWORD", "--job", "a", ...hosts)).stdout,
  ).toBe("✓ DB (version 1) is set for a, bound to api.crm.example, db.example:5432\n");

  for (const list of [await one.cli("secrets"), await one.cli("secrets", "list")]) {
    expect(list.stdout).toMatch(/^SECRET +JOBS +HOSTS +VALUE +VERSION +CHANGED +BY$/m);
    expect(list.stdout).toMatch(/^CRM_TOKEN +all jobs +stored, key [0-9a-f]{8} +2 +\S+ +api$/m);
    expect(list.stdout).toMatch(
      /^DB +a +api\.crm\.example, db\.example:5432 +env:DB_PASSWORD +1 +\S+ +api$/m,
    );
  }

  // A key that is put before the others encrypts from now on, without another start.
  writeFileSync(keys, `${newKey()}\n${readFileSync(keys, "utf8")}`);
  expect((await one.cli("secrets", "rotate")).stdout).toMatch(
    /^✓ 1 secret rewrapped, all under key [0-9a-f]{8}\n$/,
  );
  expect((await one.cli("secrets", "rm", "DB")).stdout).toBe("✓ DB is removed\n");
  expect((await one.cli("secrets", "rm", "DB")).code).toBe(3);
});

test("a value has no place on the command line, and what is wrong is told", async () => {
  const usage = async (...args: string[]) => {
    const { code, stderr } = await one.cli("secrets", ...args);
    return [code, stderr];
  };
  expect(await usage("set", "CRM_TOKEN", "the-token-itself", "--all-jobs")).toEqual([
    2,
    expect.not.stringContaining("the-token-itself"),
  ]);
  const url = ["--all-jobs", "--host", "https://crm.example"];
  expect(await usage("set", "NEW", "--from-file", file("long enough"), ...url)).toEqual([
    2,
    expect.stringContaining("a host is a whole name or an address"),
  ]);
  expect(await usage("set", "NEW", "--from-file", "/nowhere/at/all")).toEqual([
    2,
    expect.stringContaining("--from-file /nowhere/at/all cannot be read (ENOENT)"),
  ]);
  expect(await usage("set", "NEW", "--from-file", file("long enough"))).toEqual([
    2,
    expect.stringContaining("which jobs may have NEW must be said when it is set first"),
  ]);
  expect(await usage("refer", "NEW", "vault:crm", "--all-jobs")).toEqual([
    2,
    expect.stringContaining("vault: needs the path of Vault's API and a field"),
  ]);
});

test("S6: a server does not start with keys that are short, made up, or not those of its database", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const home = mkdtempSync(join(tmpdir(), "millrace-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const env = (keys: string) => ({
    DATABASE_URL: database.url,
    MILLRACE_HOME: home,
    MILLRACE_PORT: "0",
    MILLRACE_API_KEY: one.client["MILLRACE_API_KEY"]!,
    MILLRACE_SECRET_KEYS: keys,
  });
  const refused = async (keys: string) => {
    const { code, stderr } = await millrace(["start", "--jobs", JOBS], env(keys));
    if (keys !== "") expect(stderr).not.toContain(keys);
    return [code, stderr];
  };
  expect(await refused(Buffer.alloc(16, 7).toString("base64"))).toEqual([
    2,
    expect.stringContaining("MILLRACE_SECRET_KEYS: key 1 of 1 has 16 bytes, not 32"),
  ]);
  expect(await refused(Buffer.alloc(32).toString("base64"))).toEqual([
    2,
    expect.stringContaining("MILLRACE_SECRET_KEYS: key 1 of 1 can be guessed"),
  ]);

  const key = newKey();
  const server = await launch(["start", "--jobs", JOBS], env(key));
  const client = { ...env(key), MILLRACE_URL: await addressOf(server) };
  const set = await millrace(
    ["secrets", "set", "CRM_TOKEN", "--all-jobs", "--from-file", file("the-token-itself")],
    client,
  );
  expect(set.code).toBe(0);
  const run = await millrace(["run", "token", "--wait", "--json"], client);
  expect(JSON.parse(run.stdout)).toMatchObject({
    output: { sha256: createHash("sha256").update("the-token-itself").digest("hex"), keys: [] },
  });
  await server[Symbol.asyncDispose]();

  for (const keys of [newKey(), ""]) {
    expect(await refused(keys)).toEqual([
      1,
      expect.stringMatching(/are encrypted under the key [0-9a-f]{8}, and \S+ does not have it/),
    ]);
  }
});

test("an API of its own makes no key, for the workers would not have it", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = {
    DATABASE_URL: database.url,
    MILLRACE_HOME: newHome(),
    MILLRACE_PORT: "0",
    MILLRACE_API_KEY: one.client["MILLRACE_API_KEY"]!,
  };
  const api = await startMillrace(["api"], env);
  const client = { ...env, MILLRACE_URL: await addressOf(api) };
  const set = ["secrets", "set", "CRM_TOKEN", "--all-jobs"];
  expect(await millrace(set, client, { input: "the-token-itself" })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      "there is no key to encrypt secrets under; set MILLRACE_SECRET_KEYS, the same for all servers and workers",
    ),
  });
});
