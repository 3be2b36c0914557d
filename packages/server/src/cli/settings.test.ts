import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VARIABLES, isSecret, unknownVariables } from "./setting-variables.ts";
import { readSettings } from "./settings.ts";

test("an empty environment gives a server on this machine alone, with an embedded database", () => {
  const settings = readSettings({ MILLRACE_PORT: "" }, "/srv/app");
  expect(settings).toMatchObject({
    databaseUrl: undefined,
    host: "127.0.0.1",
    port: 4700,
    home: "/srv/app/.millrace",
    apiRate: 1000,
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

test("Vault takes an address and what to log in with, and neither without the other", () => {
  const read = (env: NodeJS.ProcessEnv) => readSettings(env, "/");
  const vault = "https://vault.example.com:8200";
  expect(read({ MILLRACE_VAULT: vault, MILLRACE_VAULT_CREDENTIAL: "hvs.a" }).vault).toMatchObject({
    ...{ address: vault, auth: "token" },
  });
  expect(read({ MILLRACE_VAULT: `${vault}?auth=kubernetes&role=a` }).vaultCredential).toBe(
    undefined,
  );
  expect(() => read({ MILLRACE_VAULT: vault })).toThrow(/^MILLRACE_VAULT_CREDENTIAL: .* the token/);
  expect(() => read({ MILLRACE_VAULT_CREDENTIAL: "hunter2" })).toThrow(/^MILLRACE_VAULT: write/);
  const both = { MILLRACE_VAULT: vault, MILLRACE_VAULT_CREDENTIAL: "file:hunter2" };
  expect(() => read(both)).toThrow(/^MILLRACE_VAULT_CREDENTIAL: write .* absolute path/);
  expect(() => read(both)).not.toThrow(/hunter2/);
});

test("managers of clouds may be elsewhere, by TLS", () => {
  const azure = (text: string) => readSettings({ MILLRACE_AZURE_VAULTS: text }, "/").azureVaults;
  expect(azure("https://{vault}.vault.azure.cn")).toBe("https://{vault}.vault.azure.cn");
  expect(() => azure("https://vault.azure.cn")).toThrow("{vault} in the place of its name");
  expect(() => azure("http://{vault}.example.com")).toThrow("MILLRACE_AZURE_VAULTS");
  const gcp = (text: string) => readSettings({ MILLRACE_GCP_SECRETS: text }, "/").gcpSecrets;
  expect(gcp("https://sm.example.com")).toBe("https://sm.example.com");
  expect(() => gcp("https://user:hunter2@sm.example.com")).toThrow("MILLRACE_GCP_SECRETS");
});

test("in production a sample in the place of a secret is refused, beside all else that is wrong, and a real one is not", () => {
  const read = (env: NodeJS.ProcessEnv) => readSettings(env, "/");
  const samples = {
    MILLRACE_API_KEY: "change-me-to-something-long",
    DATABASE_URL: "postgres://millrace:secret@127.0.0.1/millrace",
  };
  expect(read(samples).apiKey).toBe(samples.MILLRACE_API_KEY);
  const production = { ...samples, NODE_ENV: "production", MILLRACE_PORT: "none" };
  expect(() => read(production)).toThrow(/^MILLRACE_API_KEY: this is a sample/m);
  expect(() => read(production)).toThrow(/^DATABASE_URL: its password is a sample/m);
  expect(() => read(production)).toThrow(/^MILLRACE_PORT: write/m);
  const repeated = { NODE_ENV: "production", MILLRACE_API_KEY: "abcabcabcabcabcabcabcabc" };
  expect(() => read(repeated)).toThrow("MILLRACE_API_KEY");
  const real = {
    NODE_ENV: "production",
    MILLRACE_API_KEY: "mr_9f2c1d7ab04e5368f1c2d3e4",
    DATABASE_URL: "postgres://millrace:0a1b2c3d4e5f@127.0.0.1/millrace",
  };
  expect(read(real).apiKey).toBe(real.MILLRACE_API_KEY);
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

test("hosts that may be reached are hosts and ranges, and what is neither is named", () => {
  const read = (text: string) => readSettings({ MILLRACE_ALLOWED_HOSTS: text }, "/").allowedHosts;
  expect(read("crm.internal:8443, 10.20.0.0/16").contain("10.20.1.1")).toBe(true);
  expect(read("").contain("10.20.1.1")).toBe(false);
  expect(() => read("crm.internal,*.internal")).toThrow(
    /^MILLRACE_ALLOWED_HOSTS: "\*\.internal" is neither a host/,
  );
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

test("who must have a second factor are roles of people", () => {
  const read = (text: string) =>
    readSettings({ MILLRACE_REQUIRE_SECOND_FACTOR: text }, "/").requireSecondFactor;
  expect(read("")).toEqual([]);
  expect(read("admin, editor")).toEqual(["admin", "editor"]);
  for (const wrong of ["yes", "admin,worker", "Admin"]) {
    expect(() => read(wrong)).toThrow(
      /^MILLRACE_REQUIRE_SECOND_FACTOR: write roles with commas between them: viewer, operator/,
    );
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

test("spans are sent where OpenTelemetry's variables say, by what they say, and nowhere without an endpoint", () => {
  const read = (env: Record<string, string>) => readSettings(env, "/").tracing;
  expect(read({ OTEL_SERVICE_NAME: "shop", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toBeUndefined();
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" })).toEqual({
    url: "http://collector:4318/v1/traces",
    headers: {},
    serviceName: "millrace",
    resource: {},
    sampling: { sampler: "parentbased_always_on", ratio: 1, perSecond: 500 },
  });
  expect(
    read({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example.com/in",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc, x-team=a=b",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=shop,place=a%2Cb",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      MILLRACE_TRACES_PER_SECOND: "20",
    }),
  ).toEqual({
    url: "https://traces.example.com/in",
    headers: { authorization: "Bearer abc", "x-team": "a=b" },
    serviceName: "shop",
    resource: { "service.name": "shop", place: "a,b" },
    sampling: { sampler: "parentbased_traceidratio", ratio: 0.25, perSecond: 20 },
  });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:secret@collector" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    "OTEL_EXPORTER_OTLP_PROTOCOL",
  ],
  [{ OTEL_EXPORTER_OTLP_HEADERS: "secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
  [{ OTEL_EXPORTER_OTLP_HEADERS: "a=%E0%A4%A" }, "OTEL_EXPORTER_OTLP_HEADERS"],
  [{ OTEL_TRACES_SAMPLER: "sometimes" }, "OTEL_TRACES_SAMPLER"],
  [{ OTEL_TRACES_SAMPLER_ARG: "1.5" }, "OTEL_TRACES_SAMPLER_ARG"],
  [{ MILLRACE_TRACES_PER_SECOND: "0" }, "MILLRACE_TRACES_PER_SECOND"],
  [{ MILLRACE_TRACE_URL: "https://jaeger.example.com" }, "MILLRACE_TRACE_URL"],
  [{ MILLRACE_TRACE_URL: "javascript:{traceId}" }, "MILLRACE_TRACE_URL"],
] as [Record<string, string>, string][])("of tracing, %j is refused", (env, name) => {
  const refused = () => readSettings(env, "/");
  expect(refused).toThrow(new RegExp(`^${name}: write |^${name}: traces are`, "m"));
  expect(refused).not.toThrow(/secret/);
});

test("what is sent along with spans is a secret", () => {
  expect(isSecret("OTEL_EXPORTER_OTLP_HEADERS")).toBe(true);
});
