import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { apiKeyFile, createHome, ensureApiKey, readApiKey } from "./api-key.ts";

function newHome(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "millrace-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, "home");
}

const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

test("the first start makes a key that only its owner can read, and the next one reads it", () => {
  const home = newHome();
  createHome(home);
  expect(readApiKey(home)).toBeUndefined();
  const key = ensureApiKey(home);
  expect(key).toMatch(/^mr_[\w-]{43}$/);
  expect(ensureApiKey(home)).toBe(key);
  expect(readdirSync(home)).toEqual(["api-key"]);
  expect(modeOf(apiKeyFile(home))).toBe("600");
  expect(modeOf(home)).toBe(process.getuid?.() === 0 ? "711" : "700");
});

test("a key that others can read is refused with the command to run", () => {
  const home = newHome();
  createHome(home);
  ensureApiKey(home);
  chmodSync(apiKeyFile(home), 0o640);
  expect(() => readApiKey(home)).toThrow(/run chmod 600 .*api-key/);
});

test("a file that is not a key is refused, and not shown", () => {
  const home = newHome();
  createHome(home);
  writeFileSync(apiKeyFile(home), "my secret diary\n", { mode: 0o600 });
  expect(() => readApiKey(home)).toThrow(/holds no API key .* delete it/);
  expect(() => readApiKey(home)).not.toThrow(/diary/);
});

test.skipIf(process.platform === "win32")(
  "a link, a folder and a pipe in the key's place are refused at once, and not read",
  () => {
    const makers: Record<string, (file: string) => void> = {
      link: (file) => symlinkSync("/dev/null", file),
      folder: (file) => mkdirSync(file, { mode: 0o700 }),
      pipe: (file) => execFileSync("mkfifo", ["-m", "600", file]),
    };
    for (const [kind, make] of Object.entries(makers)) {
      const home = newHome();
      createHome(home);
      make(apiKeyFile(home));
      expect(() => ensureApiKey(home)).toThrow(new RegExp(`api-key is a ${kind}`));
    }
  },
);
