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
  const text = readFileSync(join(ROOT, caughtBy.file), "utf8");
  expect(text).toContain(ending);
  expect(text, "one of a group is called by the group's title, too").not.toContain(
    `  test("${caughtBy.test}"`,
  );
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
      [`create or replace function millrace.${name}(`, `drop function millrace.${name}`].some(
        (text) => sourceOf(`store/migrations/${later}`).includes(text),
      ),
  );
}

/** A quick one, so that it shows when the way to try them is broken; `npm run faults:mutants` tries them all. */
const QUICK = "completing is not fenced";

test("a test that guards the engine goes red when it has the bug that it names", async () => {
  const copy = PlantedCopy.create();
  onTestFinished(() => copy.remove());
  const bug = PLANTED_BUGS.find((planted) => planted.bug === QUICK);
  expect(await copy.try(bug!)).toMatchObject({ verdict: "caught" });
}, 300_000);
