import { expect, test } from "vitest";
import { OneServer } from "./one-server.ts";

const one = OneServer.forThisFile();

test("S10: the first person is added with the server's key, and sets a password by the link that is printed", async () => {
  const added = await one.cli(
    "people",
    "add",
    "Ana@example.com",
    "--role",
    "admin",
    "--name",
    "Ana",
  );
  expect(added.code).toBe(0);
  expect(added.stderr).toMatch(
    /^ana@example\.com, of the role admin, sets a password here until \d{4}-.+Z\. The link works once, and is shown this once:\n$/,
  );
  const link = added.stdout.trimEnd();
  const { origin, pathname, searchParams } = new URL(link);
  expect([origin, pathname]).toEqual([one.client["MILLRACE_URL"], "/set-password"]);
  const page = await fetch(link);
  expect([page.status, await page.text()]).toEqual([
    200,
    expect.stringContaining("ana@example.com"),
  ]);

  const password = "a lamp, a fern and a kettle";
  const set = await fetch(`${origin}/set-password`, {
    method: "POST",
    headers: { origin },
    body: new URLSearchParams({ code: searchParams.get("code")!, password, again: password }),
  });
  expect(set.status).toBe(200);
  const { stdout } = await one.cli("people");
  expect(stdout).toMatch(/^PERSON +NAME +ROLE +STATE +2ND FACTOR +LAST LOGIN +BY$/m);
  expect(stdout).toMatch(/^ana@example\.com +Ana +admin +active +– +– +api$/m);

  const disabled = await one.cli("people", "disable", "ana@example.com");
  expect(disabled).toMatchObject({ code: 0, stdout: "ana@example.com may not log in any more\n" });
  expect(disabled.stderr).toContain("no admin is left who can log in");
  const enabled = await one.cli("people", "enable", "ana@example.com", "--json");
  expect(JSON.parse(enabled.stdout)).toMatchObject({ v: 1, state: "active", admins: 1 });
  expect(await one.cli("people", "role", "ana@example.com", "viewer")).toMatchObject({
    stdout: "ana@example.com has the role viewer\n",
  });
  expect(await one.cli("people", "reset-second-factor", "ana@example.com")).toMatchObject({
    code: 0,
    stdout: "✓ ana@example.com has no second factor any more\n",
  });
  expect((await one.cli("people", "reset", "ana@example.com")).stdout).toContain(
    "/set-password?code=",
  );
  expect((await one.cli("people", "disable", "nobody@example.com")).code).toBe(3);
});
