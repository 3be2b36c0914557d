import { Passwords } from "millrace";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { askFor } from "../support/approval.ts";
import {
  OWN_PAGE,
  PASSWORD,
  addPerson,
  browserOf,
  cookiesOf,
  logIn,
  sendForm,
} from "../support/people.ts";
import { until } from "../support/until.ts";

const ANA = "/api/v1/people/ana@example.com";

/** Each table of people and sessions, as a copy of the database has it. */
async function copyOf(api: ApiUnderTest): Promise<string> {
  const { rows } = await api.db.query(
    `select p::text as text from millrace.person p union all select s::text from millrace.session s
     union all select f::text from millrace.login_failure f`,
  );
  return JSON.stringify(rows);
}

test("S10: there is nobody until somebody is added, who then sets a password by a link that works once", async () => {
  const api = await startApi({ publicUrl: "https://ops.example.com/m" });
  expect((await api.call("/api/v1/people")).body).toEqual({ people: [] });
  for (const [email, password] of [
    ["admin@example.com", "admin"],
    ["admin", "admin"],
    ["api", ""],
  ]) {
    expect([400, 401]).toContain((await logIn(api, { email, password })).status);
  }

  const added = await api.call("/api/v1/people", {
    json: { email: "Ana@Example.com", name: "Ana", role: "admin" },
  });
  expect(added).toMatchObject({
    status: 201,
    body: {
      email: "ana@example.com",
      name: "Ana",
      role: "admin",
      state: "invited",
      createdBy: "api",
    },
  });
  const { setupCode: code, setupLink } = added.body;
  expect(setupLink).toBe(`https://ops.example.com/m/set-password?code=${code}`);
  expect((await logIn(api)).status).toBe(401);

  const page = await api.call(`/set-password?code=${code}&utm=mail`, { key: null });
  expect(page).toMatchObject({ status: 200, body: expect.stringContaining("ana@example.com") });
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; .*form-action 'self'/,
  );
  const set = (password: string, again = password) =>
    sendForm(api, "/set-password", { code, password, again });
  expect(await set("short")).toMatchObject({
    status: 400,
    body: expect.stringContaining("12 to 128"),
  });
  expect(await set(PASSWORD, `${PASSWORD}s`)).toMatchObject({
    status: 400,
    body: expect.stringContaining("not the same"),
  });
  expect(await set(PASSWORD)).toMatchObject({ status: 200 });
  expect(await set("another one that is long")).toMatchObject({ status: 404 });
  expect((await api.call(`/set-password?code=${code}`, { key: null })).status).toBe(404);

  const { status, body, headers } = await logIn(api, { email: "ANA@example.com" });
  expect([status, body]).toEqual([
    200,
    { email: "ana@example.com", name: "Ana", role: "admin", expiresAt: expect.any(String) },
  ]);
  expect(headers.getSetCookie()).toEqual([
    expect.stringMatching(
      /^__Host-millrace=[\w-]{43}; Max-Age=(86400|8639\d); Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    ),
  ]);
  expect((await api.call("/api/v1/people")).body.people).toMatchObject([
    { email: "ana@example.com", state: "active", password: true, loggedInAt: expect.any(String) },
  ]);
  const again = await api.call("/api/v1/people", {
    json: { email: "ana@example.com", role: "viewer" },
  });
  expect(again.body).toMatchObject({ status: 409, code: "person_exists" });
});

test("S10: neither passwords, codes nor tokens are in a table, a log or a list", async () => {
  const api = await startApi();
  const { body } = await api.call("/api/v1/people", {
    json: { email: "ana@example.com", role: "viewer" },
  });
  const code = body.setupCode as string;
  await api.call(`/set-password?code=${code}`, { key: null });
  const kept = [await copyOf(api)];
  await sendForm(api, "/set-password", { code, password: PASSWORD, again: PASSWORD });
  const token = cookiesOf(await logIn(api)).split("=")[1]!;
  await logIn(api, { email: "my-password-by-mistake@x.yz", password: "wrong wrong wrong" });
  kept.push(await copyOf(api), JSON.stringify(api.lines));
  kept.push(JSON.stringify((await api.call("/api/v1/people")).body));
  for (const text of kept) {
    for (const secret of [PASSWORD, code, token, "by-mistake"]) {
      for (const form of [
        secret,
        Buffer.from(secret).toString("hex"),
        Buffer.from(secret).toString("base64"),
      ]) {
        expect(text).not.toContain(form);
      }
    }
  }
  expect(kept[1]).toContain("$scrypt$");
});

test("a person does what the role may, under their name in history, and answers approvals for which it is enough", async () => {
  const api = await startApi();
  await addPerson(api, "ana@example.com", "operator");
  const ana = await browserOf(api);
  expect((await ana("/api/v1/keys/me")).body).toEqual({
    name: "person:ana@example.com",
    role: "operator",
    projects: null,
  });
  expect((await ana("/api/v1/session")).body).toMatchObject({
    email: "ana@example.com",
    role: "operator",
  });
  expect((await ana("/api/v1/queues/default/pause", { json: { reason: "tests" } })).status).toBe(
    200,
  );
  const { body } = await api.call("/api/v1/pauses");
  expect(body.pauses).toMatchObject([{ queue: "default", by: "person:ana@example.com" }]);
  const run = await api.call("/api/v1/runs", { json: { job: "any/thing", input: 1 } });
  const { worker, runs } = await api.claim(["slow"]);
  const asked = { worker, ...runs[0]! };
  await askFor(
    api.db,
    asked,
    { name: "refund", role: "operator" },
    { name: "close", role: "admin" },
  );
  const answer = (name: string) =>
    ana(`/api/v1/runs/${run.body.id}/approvals`, { json: { name, approved: true } });
  expect((await answer("refund")).body).toMatchObject({ by: "person:ana@example.com" });
  expect((await answer("close")).body).toMatchObject({ status: 403, code: "forbidden" });
  expect((await ana("/api/v1/people")).body).toMatchObject({
    code: "forbidden",
    detail: "a person of the role operator may not do this; it takes one of admin",
  });
  expect(
    (await api.call("/api/v1/people", { json: { email: "bot@example.com", role: "worker" } }))
      .status,
  ).toBe(400);
  expect((await api.call("/api/v1/session")).body).toMatchObject({
    status: 404,
    code: "session_not_found",
  });
});

test("S10: a session ends at logout, at another role, at another password, when the person is disabled, and soon on every server", async () => {
  const here = await startApi();
  const there = await startApi({ beside: here });
  await addPerson(here);
  const next = "a stove, a cat and a window";
  let password = PASSWORD;
  const ends: Record<string, (me: Awaited<ReturnType<typeof browserOf>>) => Promise<unknown>> = {
    logout: (me) => me("/api/v1/session", { method: "DELETE" }),
    "another role": () => here.call(ANA, { method: "PATCH", json: { role: "editor" } }),
    "another password": async (me) => {
      const changed = await me("/api/v1/session/password", {
        json: { password, newPassword: next },
      });
      expect(changed.status).toBe(204);
      password = next;
    },
    disabled: async () => {
      await here.call(`${ANA}/disable`, { json: {} });
      expect((await logIn(here, { password })).body.code).toBe("login_failed");
      await here.call(`${ANA}/enable`, { json: {} });
    },
    reset: () => here.call(`${ANA}/reset`, { json: {} }),
  };
  const began = [];
  for (const [what, end] of Object.entries(ends)) {
    const cookie = cookiesOf(await logIn(here, { password }));
    const ask = (api: ApiUnderTest) =>
      api.call("/api/v1/session", { key: null, headers: { cookie } });
    const me: Awaited<ReturnType<typeof browserOf>> = (path, call = {}) =>
      here.call(path, { key: null, ...call, headers: { cookie, ...OWN_PAGE } });
    expect((await ask(there)).status, what).toBe(200);
    expect((await ask(here)).status, what).toBe(200);
    await end(me);
    expect((await ask(here)).body, what).toMatchObject({ status: 401, code: "unauthorized" });
    began.push({ what, ask });
  }
  for (const { what, ask } of began) {
    await until(`${what} ends it there`, async () => (await ask(there)).status === 401);
  }
  // Whose password was taken away has a link to set another, and none of before.
  expect((await logIn(here, { password })).status).toBe(401);
});

test("S10: a login takes the place of the session that the browser had", async () => {
  const api = await startApi();
  await addPerson(api);
  const cookie = cookiesOf(await logIn(api));
  const fresh = cookiesOf(
    await logIn(api, { headers: { cookie, "sec-fetch-site": "same-origin" } }),
  );
  expect(fresh).not.toBe(cookie);
  const status = async (one: string) =>
    (await api.call("/api/v1/session", { key: null, headers: { cookie: one } })).status;
  expect([await status(cookie), await status(fresh)]).toEqual([401, 200]);
  // Nor does one that a stranger has put there become anybody's.
  const planted = `__Host-millrace=${"x".repeat(43)}`;
  const given = cookiesOf(await logIn(api, { headers: { cookie: planted } }));
  expect([await status(planted), await status(given)]).toEqual([401, 200]);
});

test("a session ends when it is old, and when nobody uses it", async () => {
  const api = await startApi();
  await addPerson(api);
  for (const age of [
    "ends_at = clock_timestamp() - interval '1 s'",
    "seen_at = clock_timestamp() - interval '9 h'",
  ]) {
    const cookie = cookiesOf(await logIn(api));
    await api.db.query({ text: `update millrace.session set ${age}` });
    expect((await api.call("/api/v1/session", { key: null, headers: { cookie } })).status).toBe(
      401,
    );
  }
});

test("S13: what a session changes must come from a page of this server, with a header that no form has", async () => {
  const api = await startApi({ publicUrl: "https://ops.example.com" });
  await addPerson(api, "ana@example.com", "admin");
  const cookie = cookiesOf(await logIn(api));
  const json = { reason: "forged" };
  const send = (headers: Record<string, string>, call: object = { json }) =>
    api.call("/api/v1/queues/default/pause", {
      key: null,
      ...call,
      headers: { cookie, ...headers },
    });
  const mark = { "x-millrace": "1" };
  for (const [what, headers] of Object.entries({
    "another site": { ...mark, "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    "another host of the site": { ...mark, "sec-fetch-site": "same-site" },
    "another origin": { ...mark, origin: "https://evil.example" },
    "an origin that begins like it": { ...mark, origin: "https://ops.example.com.evil.example" },
    "no origin": { ...mark, origin: "null" },
    "nothing said": mark,
    "no header": { "sec-fetch-site": "same-origin" },
    "typed by the user": { ...mark, "sec-fetch-site": "none" },
  })) {
    expect((await send(headers)).body, what).toMatchObject({ status: 403, code: "cross_site" });
  }
  const plain = await send(
    { ...OWN_PAGE, "content-type": "text/plain" },
    { text: JSON.stringify(json) },
  );
  expect(plain.body).toMatchObject({ status: 415, code: "unsupported_media_type" });
  const form = {
    "content-type": "application/x-www-form-urlencoded",
    "sec-fetch-site": "cross-site",
  };
  expect((await send(form, { text: "reason=forged" })).status).toBe(403);
  expect((await api.call("/api/v1/pauses")).body.pauses).toEqual([]);

  for (const headers of [
    OWN_PAGE,
    { ...mark, origin: api.url },
    { ...mark, origin: "https://ops.example.com" },
  ]) {
    expect((await send(headers)).status).toBe(200);
  }
  // A key is not sent by a browser on its own.
  expect((await api.call("/api/v1/queues/default/resume", { json: {} })).status).toBe(200);
  const both = await api.call("/api/v1/runs", { headers: { cookie } });
  expect(both.body).toMatchObject({ status: 400, code: "invalid_request" });
  expect(both.body.detail).toContain("send one of the two");
});

test("S13: no GET changes anything, with a session, either", async () => {
  const api = await startApi();
  await addPerson(api, "ana@example.com", "admin");
  const me = await browserOf(api);
  const state = async () => {
    const { rows } = await api.db.query<{ state: string }>(
      `select concat_ws('|', (select count(*) from millrace.run), (select count(*) from millrace.pause), (select count(*) from millrace.api_key),
         (select count(*) from millrace.session), (select count(*) from millrace.person), (select count(*) from millrace.schedule)) as state`,
    );
    return rows[0]!.state;
  };
  const before = await state();
  const { body: document } = await api.call("/openapi.json", { key: null });
  const pages = ["/login", "/login-code", "/second-factor", "/logout", "/set-password"];
  for (const path of [...Object.keys(document.paths), ...pages]) {
    const where = path.replaceAll(/\{(\w+)\}/g, "default");
    await me(where, { headers: { "sec-fetch-site": "cross-site" } });
  }
  expect(await state()).toBe(before);
});

test("S13: the pages log in and out without a script, and take no form of another site", async () => {
  const api = await startApi();
  await addPerson(api);
  const page = await api.call("/login", { key: null });
  expect(page.body).toMatch(/<form method="post" action="login"/);
  expect(page.body).not.toMatch(/<script|javascript:|\son\w+=|style=|https?:\/\//i);
  // Nobody has configured a sign-on.
  expect(page.body).not.toContain("oidc");
  expect((await api.call("/login/oidc", { key: null })).status).toBe(404);
  expect(Object.fromEntries(page.headers)).toMatchObject({
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": expect.stringMatching(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
    ),
  });
  const fields = { email: "ana@example.com", password: PASSWORD };
  for (const headers of [
    {},
    { "sec-fetch-site": "cross-site" },
    { origin: "https://evil.example" },
    { origin: "null" },
  ]) {
    for (const path of ["/login", "/logout", "/set-password"]) {
      const answer = await sendForm(api, path, fields, headers);
      expect(answer, path).toMatchObject({ status: 403, body: expect.stringContaining("<h1") });
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  }
  // A browser would not keep the cookie, and whoever listens would have the password.
  const insecure = { origin: "http://10.0.0.5:4700" };
  expect(await sendForm(api, "/login", fields, insecure)).toMatchObject({
    status: 403,
    body: expect.stringContaining("need https"),
  });

  const wrong = await sendForm(api, "/login", { ...fields, password: '"><script>' });
  expect(wrong).toMatchObject({ status: 401, body: expect.stringContaining("not right") });
  expect(wrong.body).not.toContain("<script");
  const hostile = await sendForm(api, "/login", { ...fields, email: '"><script>@x.yz' });
  expect(hostile.body).toContain('value="&quot;&gt;&lt;script&gt;@x.yz"');

  const entered = await sendForm(api, "/login", fields, { origin: api.url });
  expect([entered.status, entered.headers.get("location")]).toEqual([303, "./"]);
  const headers = { cookie: cookiesOf(entered) };
  const shown = await api.call("/login", { key: null, headers });
  expect(shown.body).toMatch(
    /You are logged in[^]*ana@example\.com[^]*operator[^]*action="logout"/,
  );
  const left = await sendForm(api, "/logout", {}, { ...headers, "sec-fetch-site": "same-origin" });
  expect(left.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^__Host-millrace=; Max-Age=0;/),
  ]);
  expect((await api.call("/login", { key: null, headers })).body).toContain('action="login"');
});

test("a link to set a password is over after a day, and when another is given", async () => {
  const api = await startApi();
  const { body } = await api.call("/api/v1/people", {
    json: { email: "ana@example.com", role: "admin" },
  });
  const look = async (code: string) =>
    (await api.call(`/set-password?code=${code}`, { key: null })).status;
  const other = await api.call(`${ANA}/reset`, { json: {} });
  expect([await look(body.setupCode), await look(other.body.setupCode)]).toEqual([404, 200]);
  await api.db.query("update millrace.person set setup_until = clock_timestamp()");
  expect(await look(other.body.setupCode)).toBe(404);
  await api.call(`${ANA}/disable`, { json: {} });
  expect((await api.call(`${ANA}/reset`, { json: {} })).body.code).toBe("person_disabled");
});

test("who makes the last admin go is told that only the server's key is left", async () => {
  const api = await startApi();
  await addPerson(api, "ana@example.com", "admin");
  await addPerson(api, "bea@example.com", "admin");
  const admins = async (path: string, call: object) => (await api.call(path, call)).body.admins;
  expect(await admins(`${ANA}/disable`, { json: {} })).toBe(1);
  const bea = "/api/v1/people/bea@example.com";
  expect(await admins(bea, { method: "PATCH", json: { role: "viewer" } })).toBe(0);
  expect(await admins(`${ANA}/enable`, { json: {} })).toBe(1);
  const nobody = await api.call("/api/v1/people/nobody@example.com/disable", { json: {} });
  expect(nobody.body).toMatchObject({ status: 404, code: "person_not_found" });
});

test("a password that was hashed with less is hashed anew at the next login", async () => {
  const before = await startApi();
  await addPerson(before);
  const now = await startApi({ beside: before, passwords: new Passwords({ ln: 5, r: 8, p: 1 }) });
  const stored = async () => {
    const { rows } = await now.db.query<{ password: string }>(
      "select password from millrace.person",
    );
    return rows[0]!.password.slice(0, 12);
  };
  expect(await stored()).toBe("$scrypt$ln=4");
  expect((await logIn(now, { password: "another one that is long" })).status).toBe(401);
  expect(await stored()).toBe("$scrypt$ln=4");
  expect((await logIn(now)).status).toBe(200);
  expect(await stored()).toBe("$scrypt$ln=5");
  expect((await logIn(before)).status).toBe(200);
});
