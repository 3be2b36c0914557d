import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Edit } from "./harness/planted-bugs/planted-bug.ts";
import { PLANTED_BUGS } from "./harness/planted-bugs/all.ts";
import { PlantedCopy, planted, sourceOf } from "./harness/planted-copy.ts";

const ROOT = join(import.meta.dirname, "../..");

test.each(PLANTED_BUGS)("the bug can be planted: $bug", ({ edits, caughtBy }) => {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const before = texts.get(edit.file) ?? sourceOf(edit.file);
    texts.set(edit.file, planted(edit, before));
    expect(texts.get(edit.file)).not.toBe(before);
    expect(replacedLater(edit), "a migration that makes the function anew").toBe(undefined);
  }
  // The name of a test in a table is put together when it runs; so only its end is looked for.
  const ending = caughtBy.test.split(" ").slice(-5).join(" ");
  expect(readFileSync(join(ROOT, caughtBy.file), "utf8")).toContain(ending);
});

const MIGRATIONS = "packages/server/src/store/migrations";

/** The migration that replaces the function in which an edit is made: there it does nothing. */
function replacedLater({ file, find }: Edit): string | undefined {
  if (!file.startsWith("store/migrations/")) return undefined;
  const before = sourceOf(file).split(find, 1)[0]!;
  const [, name] =
    [...before.matchAll(/create (?:or replace )?function millrace\.(\w+)/g)].at(-1) ?? [];
  return readdirSync(join(ROOT, MIGRATIONS)).find(
    (later) =>
      `store/migrations/${later}` > file &&
      sourceOf(`store/migrations/${later}`).includes(
        `create or replace function millrace.${name}(`,
      ),
  );
}

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
