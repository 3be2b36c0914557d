import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PLANTED_BUGS } from "./harness/planted-bugs/all.ts";
import { PlantedCopy, planted, sourceOf } from "./harness/planted-copy.ts";

const ROOT = join(import.meta.dirname, "../..");

test.each(PLANTED_BUGS)("the bug can be planted: $bug", ({ edits, caughtBy }) => {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const before = texts.get(edit.file) ?? sourceOf(edit.file);
    texts.set(edit.file, planted(edit, before));
    expect(texts.get(edit.file)).not.toBe(before);
  }
  // The name of a test in a table is put together when it runs; so only its end is looked for.
  const ending = caughtBy.test.split(" ").slice(-5).join(" ");
  expect(readFileSync(join(ROOT, caughtBy.file), "utf8")).toContain(ending);
});

/** Quick ones of three kinds; `npm run faults:mutants` tries them all. */
const QUICK = [
  "completing is not fenced",
  "splitting a parcel drops its rest",
  "what a key has running is read before the key is locked",
];

test("tests that guard the engine go red when it has the bug that they name", async () => {
  const copy = PlantedCopy.create();
  onTestFinished(() => copy.remove());
  const bugs = PLANTED_BUGS.filter(({ bug }) => QUICK.includes(bug));
  expect(bugs).toHaveLength(QUICK.length);
  for (const bug of bugs) {
    expect(await copy.try(bug), bug.bug).toMatchObject({ verdict: "caught" });
  }
}, 300_000);
