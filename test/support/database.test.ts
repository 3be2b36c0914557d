import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "./database.ts";

test("every test has a migrated database of its own, and it can be dropped while in use", async () => {
  const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
  onTestFinished(one.drop);
  onTestFinished(other.drop);
  expect(one.url).not.toBe(other.url);

  const client = new pg.Client({ connectionString: one.url });
  const broken = new Promise((resolve) => {
    client.on("error", resolve);
  });
  await client.connect();
  const { rows } = await client.query("select to_regclass('millrace.run') is not null as migrated");
  expect(rows).toEqual([{ migrated: true }]);

  await one.drop();
  expect(await broken).toBeInstanceOf(Error);
  await expect(new pg.Client({ connectionString: one.url }).connect()).rejects.toThrow(
    "does not exist",
  );
});
