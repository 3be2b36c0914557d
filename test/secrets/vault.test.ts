import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VaultManager } from "../../packages/server/src/security/managers/vault-manager.ts";
import { readVaultUrl } from "../../packages/server/src/security/managers/vault-url.ts";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { VaultServer, type VaultOptions } from "./managers/vault.ts";

const inTime = () => AbortSignal.timeout(5000);

async function start(search: string, credential: string | undefined, options?: VaultOptions) {
  const vault = await VaultServer.start(options);
  onTestFinished(() => vault.server.stop());
  vault.values.set("crm", { token: "the token of the crm", user: "crm" });
  const manager = new VaultManager(readVaultUrl(`${vault.server.address}${search}`), credential);
  onTestFinished(() => manager.close());
  const read = (document: string) => manager.read(document, inTime());
  return { vault, manager, read };
}

const CRM = JSON.stringify({ token: "the token of the crm", user: "crm" });

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-vault-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "token");
  writeFileSync(path, text);
  return path;
}

test("both versions of KV are read, a named version of the second, and how long the first says that it is good", async () => {
  const { vault, read } = await start("", "hvs.given", { leaseSeconds: 60 });
  vault.give("hvs.given");
  expect(await read("secret/data/crm")).toEqual({ text: CRM, goodForMs: undefined });
  expect(await read("secret/data/crm?version=1")).toEqual({ text: CRM, goodForMs: undefined });
  expect(await read("kv/crm")).toEqual({ text: CRM, goodForMs: 60_000 });
  await expect(read("secret/data/crm?version=2")).rejects.toThrow("not in that version");
  await expect(read("secret/crm")).rejects.toThrow("has data/ behind its mount");
});

test("a namespace is named in every question, also in the login", async () => {
  const search = "?auth=approle&role=millrace&namespace=team/a";
  const { read } = await start(search, "the-secret-id", { namespace: "team/a" });
  expect(await read("secret/data/crm")).toMatchObject({ text: CRM });
  const elsewhere = await start("?auth=approle&role=millrace", "the-secret-id", {
    namespace: "team/a",
  });
  await expect(elsewhere.read("secret/data/crm")).rejects.toThrow("log in (HTTP 404)");
});

test("a pod logs in with the token of its service account, as it is when it logs in, and once for all", async () => {
  const path = file("the-first-jwt\n");
  const { vault, read } = await start(
    "?auth=kubernetes&role=millrace&mount=k8s/prod",
    `file:${path}`,
  );
  vault.role.credential = "the-first-jwt";
  await Promise.all(Array.from({ length: 20 }, () => read("secret/data/crm")));
  expect(vault.logins).toBe(1);
  vault.tokens.clear();
  vault.role.credential = "the-second-jwt";
  writeFileSync(path, "the-second-jwt\n");
  expect(await read("secret/data/crm")).toMatchObject({ text: CRM });
  expect(vault.logins).toBe(2);
});

test("a token that Vault has forgotten is replaced at once, and a path that may not be read costs one login more and no others", async () => {
  const { vault, read } = await start("?auth=approle&role=millrace", "the-secret-id");
  await read("secret/data/crm");
  vault.tokens.clear();
  expect(await read("secret/data/crm")).toMatchObject({ text: CRM });
  expect(vault.logins).toBe(2);
  vault.denied.add("crm");
  await expect(read("secret/data/crm")).rejects.toThrow("does not let this worker read");
  expect(vault.logins).toBe(3);
});

test("a token is renewed before its life is over, one that was given as well, and without anybody asking", async () => {
  const login = await start("?auth=approle&role=millrace", "the-secret-id", { lifeSeconds: 3 });
  await login.read("secret/data/crm");
  const given = await start("", "hvs.given");
  given.vault.give("hvs.given", { lifeSeconds: 3, renewable: true });
  await given.read("secret/data/crm");
  // At two thirds of its life: a second is left to do it in.
  await until("the one is renewed", () => login.vault.renewals > 1);
  await until("the other is renewed", () => given.vault.renewals > 1);
  expect(login.vault.logins).toBe(1);
  expect(await given.read("secret/data/crm")).toMatchObject({ text: CRM });
});

test("a token that cannot be renewed is replaced by another login, while another still is good", async () => {
  const { vault, read } = await start("?auth=approle&role=millrace", "the-secret-id", {
    lifeSeconds: 0.3,
    renewable: false,
  });
  for (let logins = 1; logins <= 3; logins++) {
    await until("it has logged in again", async () => {
      await read("secret/data/crm");
      return vault.logins >= logins;
    });
  }
  expect(vault.renewals).toBe(0);
});

test("a token in a file is read anew each time, for who writes it there renews it", async () => {
  const path = file("hvs.first");
  const { vault, read } = await start("", `file:${path}`);
  vault.give("hvs.first");
  await read("secret/data/crm");
  vault.tokens.clear();
  vault.give("hvs.second");
  writeFileSync(path, "hvs.second\n");
  expect(await read("secret/data/crm")).toMatchObject({ text: CRM });
  rmSync(path);
  await expect(read("secret/data/crm")).rejects.toThrow(`${path}, cannot be read (ENOENT)`);
  writeFileSync(path, "hvs.hunter2\nhunter2");
  const refused = read("secret/data/crm");
  await expect(refused).rejects.toThrow("no credential for Vault");
  await expect(refused).rejects.not.toThrow("hunter2");
});

test.each([
  ["vault.example.com", "write the address of Vault"],
  ["https://vault.example.com/v1", "write the address of Vault"],
  ["http://vault.example.com:8200", "write https://"],
  ["https://hvs.hunter2@vault.example.com", "MILLRACE_VAULT_CREDENTIAL"],
  ["https://vault.example.com?token=hunter2", "the options of this URL are"],
  ["https://vault.example.com?auth=hunter2", "auth: write token, kubernetes or approle"],
  ["https://vault.example.com?auth=approle", "role: auth=kubernetes and auth=approle need one"],
  ["https://vault.example.com?role=hunter2", "auth=token has none"],
  ["https://vault.example.com?auth=approle&role=a&mount=/x", "mount: write where"],
  ["https://vault.example.com?namespace=a//b", "namespace: write a path"],
])("the address %s is refused", (url, why) => {
  expect(() => readVaultUrl(url)).toThrow(why);
  expect(() => readVaultUrl(url)).not.toThrow(/hunter2/);
});
