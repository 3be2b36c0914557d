import { expect, test } from "vitest";
import { OneServer } from "./one-server.ts";

const one = OneServer.forThisFile();

test("an incident is made, read, noted, exported and removed by the command line", async () => {
  expect((await one.cli("incidents")).stderr).toBe("No incidents.\n");
  const run = await one.cli("run", "hostile", "--wait", "--json");
  expect(run.code).toBe(10);
  const { id } = JSON.parse(run.stdout.trim().split("\n").at(-1)!);
  const made = await one.cli(
    ...["incidents", "new", "It fails", "--query", "status:failed", "--from", "1h"],
    ...["--run", id, "--at", "0s", "--note", "since lunch"],
  );
  expect(made.stdout).toMatch(/^✓ [a-z2-9]{8} is kept/);
  const slug = made.stdout.split(" ")[1]!;
  expect((await one.cli("incidents", "note", slug, "It was\nthe cache")).code).toBe(0);
  expect((await one.cli("incidents")).stdout).toMatch(new RegExp(`^${slug} +It fails .* 2 `, "m"));
  const shown = await one.cli("incidents", "show", slug);
  expect(shown.stdout).toContain("It fails");
  expect(shown.stdout).toContain(id);
  expect(shown.stdout).toContain("since lunch");
  const text = await one.cli("incidents", "show", slug, "--markdown");
  expect(text.stdout).toMatch(/^# It fails\n/);
  expect(text.stdout).toContain(`\`${id}\``);
  const json = JSON.parse((await one.cli("incidents", "show", slug, "--json")).stdout);
  expect(json).toMatchObject({ v: 1, slug, notes: [{ text: "since lunch" }, {}] });
  expect((await one.cli("incidents", "rm", slug)).stdout).toBe(`✓ ${slug} is removed\n`);
  expect((await one.cli("incidents", "show", slug)).code).toBe(3);
  expect((await one.cli("incidents", "new", "x", "--query", "stauts:failed")).code).toBe(2);
});
