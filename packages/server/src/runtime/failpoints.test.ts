import { readFileSync, readdirSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { type Failpoint, failpoint, onFailpoint } from "./failpoints.ts";

const SOURCES = new URL("../", import.meta.url);

const sources = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !/failpoints(\.test)?\.ts$/.test(file))
  .map((file) => readFileSync(new URL(file, SOURCES), "utf8"));

test("each named failpoint stands in the code, and once only", () => {
  const declared = readFileSync(new URL("failpoints.ts", import.meta.url), "utf8");
  const names = [...declared.matchAll(/\| "([a-z_.]+)"/g)].map((match) => match[1]!);
  const used = sources.flatMap((text) =>
    [...text.matchAll(/failpoint\("([a-z_.]+)"\)/g)].map((match) => match[1]!),
  );
  expect(names.length).toBeGreaterThan(20);
  expect(used.sort()).toEqual(names.sort());
});

test("nothing in the product switches failpoints on", () => {
  expect(sources.filter((text) => text.includes("onFailpoint"))).toEqual([]);
});

test("a failpoint does nothing until a test hooks it, and nothing again afterwards", () => {
  const reached: Failpoint[] = [];
  onTestFinished(() => onFailpoint(undefined));
  failpoint("claim.before");
  onFailpoint((point) => reached.push(point));
  failpoint("claim.after_commit");
  onFailpoint(undefined);
  failpoint("settle.before");
  expect(reached).toEqual(["claim.after_commit"]);
});
