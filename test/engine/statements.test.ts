import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";

const STORE = new URL("../../packages/server/src/store/", import.meta.url);
const ELSEWHERE = [
  new URL("../../packages/server/src/transport/postgres/postgres-transport.ts", import.meta.url),
];

interface Statement {
  title: string;
  text: string;
}

function isStatement(value: unknown): value is Statement {
  return typeof value === "function" && "title" in value && "text" in value;
}

async function allStatements(): Promise<Statement[]> {
  const files = readdirSync(STORE)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => new URL(file, STORE));
  const modules = await Promise.all(
    [...files, ...ELSEWHERE].map((file) => import(file.href) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isStatement));
}

test("every statement prepares on a migrated database, under a title of its own", async () => {
  const mill = await Mill.create();
  const statements = await allStatements();
  expect(statements.length).toBeGreaterThan(40);
  const titles = statements.map((statement) => statement.title);
  expect(new Set(titles).size).toBe(titles.length);
  const session = await mill.connection();
  // Registering has prepared some of them.
  await session.query("deallocate all");
  for (const { title, text } of statements) {
    await expect(session.query(`prepare ${title} as ${text}`), title).resolves.toBeDefined();
  }
});
