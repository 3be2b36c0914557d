import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { writeAtomically } from "./write-atomically.ts";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "millrace-write-"));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

test("until it is whole the old file is read, and afterwards the new one", async () => {
  const path = join(await folder(), "report.html");
  await writeFile(path, "old");
  await writeAtomically(path, async (file) => {
    await file.writeFile("half of the ");
    expect(await readFile(path, "utf8")).toBe("old");
    await file.writeFile("new one");
  });
  expect(await readFile(path, "utf8")).toBe("half of the new one");
});

test("a failure leaves the old file, and nothing beside it", async () => {
  const inside = await folder();
  const path = join(inside, "report.html");
  await writeFile(path, "old");
  const failing = writeAtomically(path, async (file) => {
    await file.writeFile("half");
    throw new Error("disk full");
  });
  await expect(failing).rejects.toThrow("disk full");
  expect(await readdir(inside)).toEqual(["report.html"]);
  expect(await readFile(path, "utf8")).toBe("old");
});
