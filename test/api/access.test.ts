import { request as httpRequest } from "node:http";
import { expect, test } from "vitest";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const SOME_ID = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";

/** A raw request: fetch would tidy the path. */
function ask(
  api: ApiUnderTest,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; challenge: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const { port } = api;
    httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
      let body = "";
      answer.on("data", (chunk) => (body += String(chunk)));
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          challenge: answer.headers["www-authenticate"],
          body,
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

const WRONG_KEYS: Record<string, Record<string, string>> = {
  "no key": {},
  "an empty key": { authorization: "Bearer " },
  garbage: { authorization: "Bearer garbage" },
  "the key and more": { authorization: `Bearer ${API_KEY}x` },
  "a part of the key": { authorization: `Bearer ${API_KEY.slice(0, -1)}` },
  "two keys": { authorization: `Bearer ${API_KEY} ${API_KEY}` },
  "another scheme": { authorization: `Basic ${Buffer.from(`api:${API_KEY}`).toString("base64")}` },
  "the bare key": { authorization: API_KEY },
  "another header": { "x-api-key": API_KEY },
  cookie: { cookie: `key=${API_KEY}` },
};

test("every route needs a key or a session, and only these do not", async () => {
  const api = await startApi();
  const { body: document } = await api.call("/openapi.json", { key: null });
  const routes = Object.entries<object>(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === "name" ? "greet" : SOME_ID)),
    })),
  );
  expect(routes.length).toBeGreaterThan(20);

  const open: string[] = [];
  for (const { method, path } of routes) {
    for (const [what, headers] of Object.entries(WRONG_KEYS)) {
      const { status, challenge } = await ask(api, method, path, headers);
      if (status === 401) expect(challenge, `${method} ${path} with ${what}`).toBe("Bearer");
      else if (!open.includes(`${method} ${path}`)) open.push(`${method} ${path}`);
    }
  }
  expect(open.sort()).toEqual([
    "GET /healthz",
    "GET /openapi.json",
    "GET /readyz",
    "POST /api/v1/session",
  ]);
  for (const path of ["/", "/docs", "/login"])
    expect((await ask(api, "GET", path)).status).toBe(200);
});

test("no other spelling of a public path, no other method, and nothing that does not exist opens without the key", async () => {
  const api = await startApi();
  const paths = [
    ...["/nothing", "//", "//healthz", "/healthz/", "/Healthz", "/HEALTHZ", "/%68ealthz"],
    ...["/docs/", "/docs/..", "/docs/../api/v1/runs", "/docs%2f..%2fapi", "/docs;x", "/docs%00"],
    ...["/healthz/../metrics", "/%2e%2e/api/v1/runs", "/./docs", "/docsx", "/configs", "/%ff"],
    ...[`/hooks/${"x".repeat(32)}`, "/hooks"],
    ...["/login/", "/Login", "/login/..", "//login", "/logout", "/set-password/", "/login/oidc/"],
    ...["/openapi.json%20", `/api/v1/runs/${"x".repeat(5000)}`, "/.env", "/api", "*"],
    "http://elsewhere.example/healthz",
  ];
  for (const path of paths) {
    const answer = await ask(api, "GET", path);
    expect(answer.status, path).toBe(401);
    expect(JSON.parse(answer.body), path).toMatchObject({ code: "unauthorized", status: 401 });
  }
  for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]) {
    expect((await ask(api, method, "/healthz")).status, method).toBe(401);
  }
  // Of hooks one method of one form of path is open: it is told by the code of the answer who has refused it.
  const hook = "x".repeat(32);
  const codeOf = async (path: string) => JSON.parse((await ask(api, "POST", path)).body).code;
  expect(await codeOf(`/hooks/${hook}`)).toBe("invalid_signature");
  for (const path of [
    ...["/hooks", "/hooks/", `/hooks/${hook}x`, `/hooks/${hook.slice(1)}`, `/hooks/${hook}/`],
    ...[`//hooks/${hook}`, `/Hooks/${hook}`, `/%68ooks/${hook}`, `/hooks/../api/v1/runs${hook}`],
    ...[`/hooks/%78${hook.slice(1)}`, `/hooks/..%2fapi%2fv1%2fruns%2fxxxxxxxxxx`],
    `/hooks/${hook.slice(1)}.`,
  ]) {
    expect(await codeOf(path), path).toBe("unauthorized");
  }
});

test("with the key a path that cannot exist is a 404 problem", async () => {
  const api = await startApi();
  const headers = { authorization: `bearer ${API_KEY}` };
  for (const path of ["/nothing", "/%ff", `/api/v1/jobs/${"x".repeat(5000)}`, "/healthz/"]) {
    const answer = await ask(api, "GET", path, headers);
    expect(answer.status, path).toBe(404);
    expect(JSON.parse(answer.body).code).toBe("not_found");
  }
});

test("a key in the address opens nothing, is refused even beside the right header, and is never logged", async () => {
  const api = await startApi();
  for (const name of ["key", "api_key", "apiKey", "access_token", "TOKEN"]) {
    for (const path of ["/api/v1/runs", "/healthz"]) {
      const answer = await api.call(`${path}?${name}=${API_KEY}`);
      expect(answer.status).toBe(401);
      expect(answer.body.detail).toContain("addresses end up in logs");
    }
  }
  await api.call("/api/v1/runs", { key: "wrong-key-that-somebody-mistyped" });
  const requests = () => api.lines.filter((line) => line.msg === "request").length;
  // A line is written when its answer has gone out, which whoever asked may have read before.
  await until("each request has its line", () => requests() >= 11);
  expect(requests()).toBe(11);
  expect(JSON.stringify(api.lines)).not.toMatch(new RegExp(`${API_KEY}|mistyped`));
});

test("no answer invites another site's page, a frame, a cache or a guess", async () => {
  const api = await startApi();
  for (const path of ["/docs", "/healthz", "/api/v1/runs", "/nothing", "/assets/nothing.js"]) {
    const { headers } = await api.call(path, { headers: { origin: "https://evil.example" } });
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
});

test("S13: browsers are told to come by https alone where they did, and only a proxy that is trusted can say so", async () => {
  const told = async (trustedProxies?: string[], by?: string) => {
    const api = await startApi({ trustedProxies });
    const answers: (string | null)[] = [];
    for (const path of ["/login", "/docs", "/api/v1/runs", "/nothing"]) {
      const { headers } = await api.call(path, by ? { headers: { "x-forwarded-proto": by } } : {});
      answers.push(headers.get("strict-transport-security"));
    }
    await api.close();
    return [...new Set(answers)];
  };
  expect(await told(["127.0.0.1"], "https"), "by a proxy").toEqual(["max-age=31536000"]);
  expect(await told(["127.0.0.1"], "http"), "by a proxy, and http before it").toEqual([null]);
  expect(await told(["127.0.0.1"], "https, http"), "its own word is the last").toEqual([null]);
  expect(await told(["10.0.0.0/8"], "https"), "by somebody else").toEqual([null]);
  expect(await told(undefined, "https"), "no proxy is trusted").toEqual([null]);
  expect(await told(["127.0.0.1"]), "it says nothing").toEqual([null]);
});
