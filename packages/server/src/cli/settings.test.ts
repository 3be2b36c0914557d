import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VARIABLES, readSettings, unknownVariables } from "./settings.ts";

test("an empty environment gives a server on this machine alone, with an embedded database", () => {
  const settings = readSettings({ MILLRACE_PORT: "" }, "/srv/app");
  expect(settings).toMatchObject({
    databaseUrl: undefined,
    host: "127.0.0.1",
    port: 4700,
    home: "/srv/app/.millrace",
    concurrency: 20,
    leaseMs: 12_000,
    drainMs: 20_000,
    logLevel: "info",
    jobs: [],
    queues: undefined,
  });
  expect(Object.isFrozen(settings)).toBe(true);
});

test("all wrong variables are named at once, each with its fix, and none with its value", () => {
  const read = () =>
    readSettings(
      {
        DATABASE_URL: "mysql://root:hunter2@db/app",
        MILLRACE_PORT: "47000000",
        MILLRACE_LEASE: "12 seconds",
        MILLRACE_TRANSPORT: "rediss://me:hunter2@redis/zero",
        MILLRACE_API_KEY: "hunter2",
      },
      "/",
    );
  expect(read).toThrow(/^DATABASE_URL: write postgres:/m);
  expect(read).toThrow(/^MILLRACE_PORT: write a whole number from 0 to 65535/m);
  expect(read).toThrow(/^MILLRACE_LEASE: write a duration of 2s to 10m, such as 20s$/m);
  expect(read).toThrow(/^MILLRACE_TRANSPORT: the path of a redis URL is a number/m);
  expect(read).toThrow(/^MILLRACE_API_KEY: write 20 to 200 printable/m);
  expect(read).not.toThrow(/hunter2/);
});

test("queues may have weights, and a wrong one is refused without being shown", () => {
  const read = (text: string) => readSettings({ MILLRACE_QUEUES: text }, "/").queues;
  expect(read("urgent=5, default")).toEqual(
    new Map([
      ["urgent", 5],
      ["default", 1],
    ]),
  );
  expect(() => read("urgent=hunter2")).toThrow(/^MILLRACE_QUEUES: write names of queues .*=5/);
  expect(() => read("urgent=hunter2")).not.toThrow(/hunter2/);
});

test("a lease shorter than heartbeats can keep is refused", () => {
  expect(() => readSettings({ MILLRACE_LEASE: "1s" }, "/")).toThrow("MILLRACE_LEASE");
  expect(readSettings({ MILLRACE_LEASE: "3s" }, "/").leaseMs).toBe(3000);
});

test("the address that people have is taken without the slash at its end, and refused with a secret or what no path could follow", () => {
  const read = (text: string) => readSettings({ MILLRACE_PUBLIC_URL: text }, "/").publicUrl;
  expect(read("https://ops.example.com")).toBe("https://ops.example.com");
  expect(read("https://ops.example.com/millrace/")).toBe("https://ops.example.com/millrace");
  for (const wrong of [
    "ops.example.com",
    "ftp://ops",
    "https://a:hunter2@ops",
    "https://ops/?a",
    "https://ops/#",
  ]) {
    expect(() => read(wrong)).toThrow(/^MILLRACE_PUBLIC_URL: write the address that people have/);
    expect(() => read(wrong)).not.toThrow(/hunter2/);
  }
});

test("a sign-on is whole, or refused with what is missing", () => {
  const whole = {
    MILLRACE_PUBLIC_URL: "https://ops.example.com",
    MILLRACE_OIDC_ISSUER: "https://login.example.com",
    MILLRACE_OIDC_CLIENT_ID: "millrace",
    MILLRACE_OIDC_CLIENT_SECRET: "hunter2",
    MILLRACE_OIDC_ROLE_CLAIM: "groups",
    MILLRACE_OIDC_ROLES: "ops=team=operator, admins=admin",
  };
  const read = (env: NodeJS.ProcessEnv) => readSettings(env, "/").signOn;
  expect(read({})).toBe(undefined);
  expect(read(whole)).toMatchObject({
    issuer: "https://login.example.com",
    scope: "openid email profile",
    roles: new Map([
      ["ops=team", "operator"],
      ["admins", "admin"],
    ]),
  });
  for (const [wrong, says] of [
    [{ MILLRACE_PUBLIC_URL: "" }, /^MILLRACE_OIDC_ISSUER: .* without MILLRACE_PUBLIC_URL/],
    [{ MILLRACE_OIDC_ISSUER: "" }, /^MILLRACE_OIDC_CLIENT_ID: .* without MILLRACE_OIDC_ISSUER/],
    [{ MILLRACE_OIDC_ROLES: "" }, /^MILLRACE_OIDC_ROLE_CLAIM: .* without MILLRACE_OIDC_ROLES/],
    [{ MILLRACE_OIDC_ROLES: "ops=worker" }, /^MILLRACE_OIDC_ROLES: write value=role/],
    [{ MILLRACE_OIDC_ISSUER: "http://login.example.com" }, /^MILLRACE_OIDC_ISSUER: write .* https/],
    [{ MILLRACE_OIDC_SCOPE: "email" }, /^MILLRACE_OIDC_SCOPE: write scopes, openid among them/],
  ] as const) {
    expect(() => read({ ...whole, ...wrong })).toThrow(says);
    expect(() => read({ ...whole, ...wrong })).not.toThrow(/hunter2/);
  }
});

test("proxies that are believed are addresses or networks", () => {
  const read = (text: string) =>
    readSettings({ MILLRACE_TRUSTED_PROXIES: text }, "/").trustedProxies;
  expect(read("10.0.0.0/8, ::1")).toEqual(["10.0.0.0/8", "::1"]);
  for (const wrong of ["proxy", "10.0.0.0/33", "true", "10.0.0.0/8/8", "1"]) {
    expect(() => read(wrong)).toThrow(/^MILLRACE_TRUSTED_PROXIES: write addresses or networks/);
  }
});

test("a misspelt variable is told of, with the name that was meant", () => {
  expect(unknownVariables({ MILLRACE_PROT: "1", MILLRACE_TEST_RUNNER: "1", PATH: "/bin" })).toEqual(
    ["MILLRACE_PROT is not a setting, and does nothing; did you mean MILLRACE_PORT?"],
  );
});

test("docs/settings.md has a line for every variable with its default, and for no other", () => {
  const page = readFileSync(new URL("../../../../docs/settings.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\|/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  const expected = Object.entries(VARIABLES).map(([name, schema]) => {
    const text = "defaultValue" in schema.def ? schema.def.defaultValue : "";
    return [name, text ? `\`${text}\`` : "none"];
  });
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
});
