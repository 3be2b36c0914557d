import { expect, test } from "vitest";
import { millrace } from "../support/millrace.ts";
import { OneServer } from "./one-server.ts";

const one = OneServer.forThisFile();

const as = (key: string, ...args: string[]) =>
  millrace(args, { ...one.client, MILLRACE_API_KEY: key });

test("a key is printed once, alone on its line, does what its role may, and works no more when it is revoked", async () => {
  const made = await one.cli(
    "keys",
    "create",
    "deploy bot",
    "--role",
    "viewer",
    "--expires",
    "90d",
  );
  expect(made.code).toBe(0);
  expect(made.stderr).toMatch(
    /^A key of the role viewer for deploy bot, until \d{4}-.+Z\. It is shown this once:\n$/,
  );
  const key = made.stdout.trimEnd();
  const id = key.split("_")[1]!;

  expect((await as(key, "jobs")).code).toBe(0);
  expect(await as(key, "queues", "pause", "default")).toMatchObject({
    code: 6,
    stderr: expect.stringContaining(
      "a key of the role viewer may not do this; it takes one of operator, editor or admin  [forbidden]",
    ),
  });
  expect((await as(key, "keys")).code).toBe(6);

  const { stdout } = await one.cli("keys");
  expect(stdout).toMatch(/^KEY +NAME +ROLE +STATE +EXPIRES +LAST USED +BY$/m);
  expect(stdout).toMatch(new RegExp(`^${id} +deploy bot +viewer +valid +\\S+ +\\S+ +api$`, "m"));
  expect(stdout).not.toContain(key.slice(20));

  const rotated = await one.cli("keys", "rotate", id, "--json");
  const fresh = JSON.parse(rotated.stdout) as { id: string; key: string };
  expect((await as(fresh.key, "jobs")).code).toBe(0);
  expect((await one.cli("keys")).stdout).toContain(`valid, replaced by ${fresh.id}`);

  expect(await one.cli("keys", "revoke", fresh.id)).toMatchObject({
    code: 0,
    stdout: `deploy bot (${fresh.id}) is revoked\n`,
  });
  expect((await one.cli("keys", "rotate", fresh.id)).code).toBe(3);
  expect((await one.cli("keys", "revoke", key)).code).toBe(3);
});
