import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DASHBOARD_PATHS } from "@millrace/core";
import { OwnSessions } from "millrace";
import { expect, test } from "vitest";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";
import { millrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { OWN_PAGE, cookiesOf } from "../support/people.ts";

const BUILT = join(import.meta.dirname, "../../packages/server/dist/dashboard");

const gzipped = (file: string) => statSync(join(BUILT, `${file}.gz`)).size;

/** What the document names: a browser loads these before the first page is there. */
function firstAssets(): string[] {
  const document = readFileSync(join(BUILT, "index.html"), "utf8");
  return [...document.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, file]) => file!);
}

test("the first load is as small as was promised: script 45 KB, style 10 KB, document 3 KB, four requests", () => {
  const files = firstAssets();
  const sizeOf = (ending: string) =>
    files.filter((file) => file.endsWith(ending)).reduce((sum, file) => sum + gzipped(file), 0);
  expect(sizeOf(".js")).toBeLessThanOrEqual(45 * 1024);
  expect(sizeOf(".css")).toBeLessThanOrEqual(10 * 1024);
  expect(gzipped("index.html")).toBeLessThanOrEqual(3 * 1024);
  // With who looks and what the screen shows, six.
  expect(files.length + 1).toBeLessThanOrEqual(4);
});

test("all of the dashboard together is no more than 180 KB, and no part of it comes from elsewhere", () => {
  const all = readdirSync(BUILT, { recursive: true, encoding: "utf8" });
  const files = all.filter((file) => /\.(js|css|html|svg)$/.test(file));
  expect(files.reduce((sum, file) => sum + gzipped(file), 0)).toBeLessThanOrEqual(180 * 1024);
  const document = readFileSync(join(BUILT, "index.html"), "utf8");
  expect(document).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc=)|https?:/);
});

test("every address below the dashboard's paths answers one document, to everybody, and says nothing of what is there", async () => {
  const api = await startApi();
  const paths = DASHBOARD_PATHS.flatMap((path) => [`/${path}`, `/${path}/some%2Fthing`]);
  const { text } = await api.call("/", { key: null });
  for (const path of [...paths, "/runs?q=status%3Afailed&unknown=1", "/queues/a:b/c"]) {
    const answer = await api.call(path, { key: null });
    expect(answer.status, path).toBe(200);
    expect(answer.text, path).toBe(text);
    expect(Object.fromEntries(answer.headers), path).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
    });
    const policy = answer.headers.get("content-security-policy");
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  }
});

test("no path leads out of the pages, and no method changes them", async () => {
  const api = await startApi();
  for (const path of [
    ...["/assets/..%2f..%2fpackage.json", "/assets/%2e%2e/index.js", "/assets/../api/v1/runs"],
    ...["/assets/", "/assets/app.js/x", "/assets/index.html%00.js", "/runs/..", "/runs/.env"],
    ...["/runs/a/b/c/d/e", "/runsx", "/Runs", "//runs", "/%72uns"],
  ]) {
    expect((await raw(api, path)).status, path).toBe(401);
  }
  expect((await api.call("/assets/nothing.js", { key: null })).status).toBe(404);
  for (const method of ["POST", "PUT", "DELETE"]) {
    expect((await api.call("/runs", { key: null, method })).status, method).toBe(401);
    expect((await api.call("/runs", { method })).status, method).toBe(405);
  }
});

test("what the document loads is compressed, kept for ever, and the document is asked for by its tag", async () => {
  const api = await startApi();
  for (const file of firstAssets()) {
    const zipped = await fetch(`${api.url}/${file}`, { headers: { "accept-encoding": "gzip" } });
    expect(zipped.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(zipped.headers.get("vary")).toBe("accept-encoding");
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    const plain = readFileSync(join(BUILT, file));
    expect(Buffer.from(await zipped.arrayBuffer()).equals(plain), file).toBe(true);
    expect(gunzipSync(readFileSync(join(BUILT, `${file}.gz`))).equals(plain)).toBe(true);
    for (const [accepted, coding] of [
      ["br, gzip", "br"],
      ["br;q=0, gzip", "gzip"],
      ["identity", null],
    ] as const) {
      const head = await fetch(`${api.url}/${file}`, {
        method: "HEAD",
        headers: { "accept-encoding": accepted },
      });
      expect([head.status, head.headers.get("content-encoding")]).toEqual([200, coding]);
    }
  }
  const { headers } = await api.call("/", { key: null });
  const again = { "if-none-match": headers.get("etag")! };
  expect((await api.call("/runs", { key: null, headers: again })).status).toBe(304);
});

test("the link of the server's own key lets in once, for its minutes, from a page of the server alone", async () => {
  const ownSessions = new OwnSessions();
  const api = await startApi({ ownSessions });
  const enter = (ticket: string, headers: Record<string, string> = OWN_PAGE) =>
    api.call("/api/v1/session/ticket", { key: null, json: { ticket }, headers });
  const { body } = await api.call("/api/v1/session/tickets", { json: {} });

  expect((await enter(body.ticket, { "sec-fetch-site": "cross-site" })).body.code).toBe(
    "cross_site",
  );
  expect((await enter(body.ticket, {})).body.code).toBe("cross_site");
  const entered = await enter(body.ticket);
  expect(entered.status).toBe(204);
  expect(entered.headers.get("set-cookie")).toMatch(
    /^__Host-millrace=.*HttpOnly; Secure; SameSite=Lax/,
  );
  expect((await enter(body.ticket)).status, "used").toBe(401);
  expect((await enter("x".repeat(43))).status, "made up").toBe(401);
  const over = ownSessions.makeTicket(Date.now() - 11 * 60_000);
  expect((await enter(over.text)).status, "over").toBe(401);

  const headers = { cookie: cookiesOf(entered), ...OWN_PAGE };
  const me = await api.call("/api/v1/keys/me", { key: null, headers });
  expect(me.body).toEqual({ name: "api", role: "admin", projects: null });
  const change = { key: null, json: { job: "nothing" } };
  expect((await api.call("/api/v1/runs", { ...change, headers })).status).toBe(201);
  const elsewhere = { ...headers, "sec-fetch-site": "cross-site" };
  expect((await api.call("/api/v1/runs", { ...change, headers: elsewhere })).body.code).toBe(
    "cross_site",
  );
  expect((await api.call("/api/v1/session", { key: null, method: "DELETE", headers })).status).toBe(
    204,
  );
  expect((await api.call("/api/v1/keys/me", { key: null, headers })).status).toBe(401);
  expect(JSON.stringify(api.lines)).not.toContain(body.ticket);
});

test("a stream of such a session goes on while it stands, and ends with it", async () => {
  const ownSessions = new OwnSessions();
  const api = await startApi({ ownSessions });
  const session = ownSessions.begin(ownSessions.makeTicket().text)!;
  const headers = { cookie: `__Host-millrace=${session.token}`, ...OWN_PAGE };
  const stream = await fetch(`${api.url}/api/v1/live`, { headers });
  expect(stream.status).toBe(200);
  let said = "";
  const ticks = () => said.split("event: tick").length - 1;
  const reading = (async () => {
    for await (const bytes of stream.body!) said += Buffer.from(bytes).toString();
  })();
  await until("three ticks have come", () => ticks() >= 3);
  await api.call("/api/v1/session", { key: null, method: "DELETE", headers });
  await reading;
  expect(ticks()).toBeLessThan(20);
});

test("only the server's own key makes such links, and only where they were asked for", async () => {
  const api = await startApi({ ownSessions: new OwnSessions() });
  const { body } = await api.call("/api/v1/keys", { json: { name: "bot", role: "admin" } });
  const tickets = (of: ApiUnderTest, key?: string) =>
    of.call("/api/v1/session/tickets", { json: {}, ...(key !== undefined && { key }) });
  expect((await tickets(api, body.key)).body.code).toBe("forbidden");
  const without = await startApi();
  expect((await tickets(without)).status).toBe(404);
  expect((await without.call("/api/v1/session/ticket", { key: null, json: {} })).status).toBe(404);
});

test("millrace open shows a link that lets in, and says where to log in when there are none", async () => {
  const api = await startApi({ ownSessions: new OwnSessions() });
  const shown = await millrace(["open"], { MILLRACE_URL: api.url, MILLRACE_API_KEY: API_KEY });
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  const [, ticket] = /^http:\/\/127\.0\.0\.1:\d+\/#t=([\w-]{43})\n$/.exec(shown.stdout)!;
  const enter = { key: null, json: { ticket }, headers: OWN_PAGE };
  expect((await api.call("/api/v1/session/ticket", enter)).status).toBe(204);

  const without = await startApi();
  const none = await millrace(["open"], { MILLRACE_URL: without.url, MILLRACE_API_KEY: API_KEY });
  expect(none.code).toBe(3);
  expect(none.stderr).toContain(`log in at ${without.url}/login`);
});

/** As it stands: `fetch` would resolve the dots. */
async function raw(api: ApiUnderTest, path: string): Promise<{ status: number }> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    request({ port: api.port, host: "127.0.0.1", path }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0 });
    })
      .once("error", reject)
      .end();
  });
}
