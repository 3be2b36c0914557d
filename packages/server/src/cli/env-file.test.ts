import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addTo, readEnvFile } from "./env-file.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "millrace-env-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test("what .env says counts where the environment says nothing, or is empty", () => {
  const here = folder();
  expect(readEnvFile(here)).toBe(undefined);
  writeFileSync(
    join(here, ".env"),
    "# Of this project\nMILLRACE_PORT=4800\nMILLRACE_JOBS=\"src/jobs\"\nexport CRM='a b # c'\n",
  );
  const env: NodeJS.ProcessEnv = { MILLRACE_PORT: "4900", MILLRACE_JOBS: " " };
  addTo(env, readEnvFile(here)!);
  expect(env).toEqual({ MILLRACE_PORT: "4900", MILLRACE_JOBS: "src/jobs", CRM: "a b # c" });
});

test.skipIf(process.platform === "win32")(
  "that others can read it is seen; a folder is none",
  () => {
    const here = folder();
    writeFileSync(join(here, ".env"), "A=1\n", { mode: 0o600 });
    expect(readEnvFile(here)).toEqual({ variables: { A: "1" }, exposed: false });
    chmodSync(join(here, ".env"), 0o644);
    expect(readEnvFile(here)!.exposed).toBe(true);
    const other = folder();
    mkdirSync(join(other, ".env"));
    expect(readEnvFile(other)).toBe(undefined);
  },
);
