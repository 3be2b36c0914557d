import { expect, test } from "vitest";
import { databaseConfig, databaseTls } from "./database-tls.ts";

test("S20: another machine is spoken to by TLS that is checked, unless the URL says that it need not be", () => {
  expect(databaseTls("postgres://u:p@db:5432/app")).toBe("verified");
  expect(databaseConfig("postgres://u:p@db:5432/app")).toMatchObject({ ssl: true });
  expect(databaseTls("postgres://u:p@10.0.0.7/app")).toBe("verified");
  for (const mode of ["verify-full", "verify-ca", "require"]) {
    expect(databaseTls(`postgres://db/app?sslmode=${mode}`)).toBe("verified");
  }
  expect(databaseTls("postgres://db/app?sslmode=disable")).toBe("off");
  expect(databaseConfig("postgres://db/app?sslmode=disable")).not.toHaveProperty("ssl");
});

test("S20: what would believe any certificate, or none, is refused for another machine", () => {
  for (const search of [
    ...["sslmode=no-verify", "sslmode=prefer", "sslmode=allow", "sslmode=", "ssl=0", "ssl=true"],
    "sslmode=require&uselibpqcompat=true",
  ]) {
    const url = `postgres://user:hunter2@db/app?${search}`;
    expect(() => databaseTls(url), search).toThrow("sslmode=disable for a network");
    expect(() => databaseTls(url)).not.toThrow("hunter2");
    expect(databaseTls(`postgres://localhost/app?${search}`), search).toBe("local");
  }
});

test("what does not leave the machine needs no TLS", () => {
  for (const url of [
    ...["postgres://localhost/app", "postgres://127.0.0.1:5432/app", "postgres://[::1]/app"],
    ...["postgres:///app", "postgres://%2Fvar%2Frun/app", "postgres://u@ignored/app?host=/run/pg"],
  ]) {
    expect(databaseTls(url), url).toBe("local");
  }
  expect(databaseTls("postgres://localhost@evil.example/app")).toBe("verified");
  expect(databaseTls("postgres://localhost.example/app")).toBe("verified");
});
