import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { diskFolder } from "../../../../test/support/servers/memory.ts";
import { EnvironmentSource } from "./environment-source.ts";
import { FileSource } from "./file-source.ts";
import { readReference } from "./secret-source.ts";

function folder(): string {
  const made = realpathSync(mkdtempSync(join(diskFolder(), "millrace-secret-")));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

describe("a reference", () => {
  test.each([
    "vault:secret/data/team/crm?version=3#token",
    "vault:kv/crm#token",
    "aws:prod/crm",
    "aws:prod/crm?stage=AWSPREVIOUS&region=eu-west-1#token",
    "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCdEf#token",
    "gcp:projects/acme/secrets/crm",
    "gcp:projects/acme/locations/europe-west3/secrets/crm/versions/3#token",
    "azure:acme-vault/crm",
    "azure:acme-vault/crm/0123456789abcdef0123456789abcdef#token",
  ])("names what a manager keeps: %s", (text) => {
    const { kind, place } = readReference(text);
    expect(`${kind}:${place}`).toBe(text);
  });

  test("names a variable or a file", () => {
    expect(readReference("env:CRM_TOKEN")).toEqual({ kind: "env", place: "CRM_TOKEN" });
    expect(readReference("file:/run/secrets/a:b")).toEqual({
      kind: "file",
      place: "/run/secrets/a:b",
    });
  });

  test.each([
    ["aws-sm:crm", "not a source"],
    ["vault:crm", "vault: needs the path of Vault's API and a field"],
    ["vault:secret/data/crm", "vault: needs a field behind it"],
    ["vault:secret/data/../crm#token", "vault: needs the path"],
    ["vault:/secret/data/crm#token", "vault: needs the path"],
    ["vault:secret/data/crm?list=true#token", "vault: needs the path"],
    ["vault:auth/token/lookup-self#id", "not for jobs"],
    ["vault:secret/data/crm#", "a field, behind #"],
    ["vault:secret/data/crm#a b", "a field, behind #"],
    ["aws:", "aws: needs the name"],
    ["aws:prod crm", "aws: needs the name"],
    ["aws:prod/crm?stage=", "aws: needs the name"],
    ["aws:prod/crm?stage=A&stage=B", "aws: needs the name"],
    ["aws:arn:aws:iam::123456789012:user/crm", "aws: needs the name"],
    [
      "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCdEf?region=us-east-1",
      "has its region",
    ],
    ["gcp:crm", "gcp: needs the name"],
    ["gcp:projects/acme/secrets/crm/versions/../..", "gcp: needs the name"],
    ["azure:crm", "azure: needs the names"],
    ["azure:acme.evil.example/crm", "azure: needs the names"],
    ["azure:acme-vault/crm/latest", "azure: needs the names"],
    ["CRM_TOKEN", "not a source"],
    ["toString:x", "not a source"],
    ["env:", "env: needs the name of a variable"],
    ["env:A B", "env: needs the name of a variable"],
    ["env:DATABASE_URL", "not for jobs"],
    ["env:millrace_secret_keys", "not for jobs"],
    ["file:secrets/crm", "file: needs an absolute path"],
    ["file:/run/secrets/../../etc/shadow", "file: needs an absolute path"],
  ])("%s is refused", (text, says) => {
    expect(() => readReference(text)).toThrow(says);
  });
});

test("a variable is read when it is asked for, and one that is not set is an error", async () => {
  const env: NodeJS.ProcessEnv = { CRM_TOKEN: "one", DATABASE_URL: "postgres://" };
  const source = new EnvironmentSource(env);
  expect(await source.resolve("CRM_TOKEN")).toEqual({ value: "one" });
  env["CRM_TOKEN"] = "two";
  expect(await source.resolve("CRM_TOKEN")).toEqual({ value: "two" });
  await expect(source.resolve("OTHER")).rejects.toThrow("the variable OTHER is not set");
  await expect(source.resolve("DATABASE_URL")).rejects.toThrow("not for jobs");
});

describe("a file", () => {
  test("is followed through links, as Kubernetes mounts them", async () => {
    const mounted = folder();
    mkdirSync(join(mounted, "..data"));
    writeFileSync(join(mounted, "..data/token"), "mounted-token\n");
    symlinkSync("..data/token", join(mounted, "token"));
    expect(await new FileSource(folder()).resolve(join(mounted, "token"))).toEqual({
      value: "mounted-token\n",
    });
  });

  test.skipIf(process.platform === "win32")(
    "of Millrace, or of the system, is none, whatever way leads there",
    async () => {
      const [home, elsewhere] = [folder(), folder()];
      writeFileSync(join(home, "secret-keys"), "a key");
      symlinkSync(join(home, "secret-keys"), join(elsewhere, "link"));
      const source = new FileSource(home);
      for (const file of [
        join(home, "secret-keys"),
        join(elsewhere, "link"),
        "/proc/self/environ",
      ]) {
        await expect(source.resolve(file)).rejects.toThrow("lies where nothing for jobs lies");
      }
    },
  );

  test("that is missing, a folder, too large or no text is an error that shows nothing of it", async () => {
    const here = folder();
    const source = new FileSource(folder());
    writeFileSync(join(here, "large"), "x".repeat(300_000));
    writeFileSync(join(here, "binary"), Buffer.from([0xff, 0xfe, 0xfd]));
    await expect(source.resolve(join(here, "none"))).rejects.toThrow("cannot be read (ENOENT)");
    await expect(source.resolve(here)).rejects.toThrow("is not a plain file");
    await expect(source.resolve(join(here, "large"))).rejects.toThrow("is too large");
    await expect(source.resolve(join(here, "binary"))).rejects.toThrow("is not text in UTF-8");
  });
});
