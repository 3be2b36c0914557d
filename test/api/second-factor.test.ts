import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { requireFactorKeys } from "../../packages/server/src/engine/second-factor/ring-for-factors.ts";
import { TokenSigner } from "../../packages/server/src/security/signed-token.ts";
import { type Answer, type ApiUnderTest, startApi } from "../support/api.ts";
import { oneTimeCode } from "../support/one-time-code.ts";
import { OWN_PAGE, PASSWORD, addPerson, logIn, sendForm } from "../support/people.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";

const ANA = "ana@example.com";

/** A browser that keeps its cookies, and follows where it is sent. */
class Browser {
  readonly api: ApiUnderTest;
  readonly address: string;
  readonly jar = new Map<string, string>();

  constructor(api: ApiUnderTest, address = "192.0.2.1") {
    this.api = api;
    this.address = address;
  }

  get(path: string): Promise<Answer> {
    return this.#follow(this.api.call(path, { key: null, headers: this.#headers() }));
  }

  send(path: string, fields: Record<string, string>): Promise<Answer> {
    const headers = { ...this.#headers(), "sec-fetch-site": "same-origin" };
    return this.#follow(sendForm(this.api, path, fields, headers));
  }

  logIn(password = PASSWORD): Promise<Answer> {
    return this.send("/login", { email: ANA, password });
  }

  #headers(): Record<string, string> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    return { "x-forwarded-for": this.address, ...(cookie && { cookie }) };
  }

  async #follow(asked: Promise<Answer>): Promise<Answer> {
    const answer = await asked;
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (/Max-Age=0\b/.test(cookie)) this.jar.delete(name!);
      else this.jar.set(name!, value!);
    }
    const to = answer.headers.get("location");
    return answer.status === 303 && to ? this.get(`/${to}`) : answer;
  }
}

const secretIn = ({ text }: Answer) =>
  /<code>([A-Z2-7 ]+)<\/code>/.exec(text)![1]!.replaceAll(" ", "");
const setupIn = ({ text }: Answer) => /name="setup" value="([^"]+)"/.exec(text)![1]!;
const recoveryIn = ({ text }: Answer) => /<pre[^>]*>([^<]+)<\/pre>/.exec(text)![1]!.split("\n");

/** Who goes through the pages. */
async function setUp(browser: Browser): Promise<{ secret: string; recovery: string[] }> {
  const page = await browser.send("/second-factor", { step: "begin" });
  const secret = secretIn(page);
  const code = oneTimeCode(secret);
  const done = await browser.send("/second-factor", { step: "finish", setup: setupIn(page), code });
  expect(done.status, done.text).toBe(200);
  return { secret, recovery: recoveryIn(done) };
}

/** As when the half minute is over. */
const timePasses = ({ db }: ApiUnderTest) =>
  db.query("update millrace.second_factor set last_step = 0; delete from millrace.login_failure");

const start = (options: Parameters<typeof startApi>[0] = {}) =>
  startApi({ trustedProxies: ["127.0.0.1"], ...options });

async function withFactor(options: Parameters<typeof startApi>[0] = {}, role = "operator") {
  const api = await start(options);
  await addPerson(api, ANA, role);
  const browser = new Browser(api);
  await browser.logIn();
  const factor = await setUp(browser);
  await timePasses(api);
  return { api, browser, ...factor };
}

test("S10: a person sets up a second factor without a script, and is asked for its code from then on", async () => {
  const api = await start();
  await addPerson(api);
  const [browser, other] = [new Browser(api), new Browser(api)];
  await other.logIn();
  const loggedIn = await browser.logIn();
  expect(loggedIn.text).toContain("<title>Millrace</title>");
  expect((await browser.get("/login")).text).toContain('href="second-factor"');
  expect((await browser.get("/second-factor")).text).toContain("Set it up");

  const page = await browser.send("/second-factor", { step: "begin" });
  expect(page.text).toMatch(
    /<svg viewBox="[\d ]+" xmlns="http:\/\/www.w3.org\/2000\/svg"><path d="M/,
  );
  expect(page.text).not.toMatch(/<script|style="|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; style-src 'sha256-/,
  );
  const [secret, setup] = [secretIn(page), setupIn(page)];
  const wrong = await browser.send("/second-factor", { step: "finish", setup, code: "000000" });
  expect([wrong.status, secretIn(wrong)]).toEqual([401, secret]);
  expect((await browser.get("/second-factor")).text, "nothing is kept yet").toContain("Set it up");

  const code = oneTimeCode(secret);
  const done = await browser.send("/second-factor", { step: "finish", setup, code });
  expect(recoveryIn(done)).toHaveLength(10);
  expect((await browser.get("/login")).text).toContain("You are logged in");
  expect((await other.get("/login")).text, "other sessions end").toContain("Log in to Millrace");

  await timePasses(api);
  const asked = await new Browser(api).logIn();
  expect(asked.text).toContain('name="code"');
  expect(asked.text).toContain(ANA);
  const again = new Browser(api);
  await again.logIn();
  const through = await again.send("/login-code", {
    code: ` ${code.slice(0, 3)} ${code.slice(3)} `,
  });
  expect(through.text).toContain("<title>Millrace</title>");
  expect([...again.jar.keys()]).toEqual(["__Host-millrace"]);
  expect((await logIn(api)).body).toMatchObject({ status: 401, code: "second_factor_required" });
  await timePasses(api);
  const json = { email: ANA, password: PASSWORD, code };
  expect((await logIn(api, { json })).status).toBe(200);
  expect((await api.call("/api/v1/people")).body.people).toMatchObject([{ secondFactor: true }]);
});

test("S10: with a password alone nothing opens, whoever asks and for what", async () => {
  const { api, browser } = await withFactor();
  const half = new Browser(api);
  await half.logIn();
  expect([...half.jar.keys()]).toEqual(["__Host-millrace-login"]);
  const cookie = [...half.jar].map(([name, value]) => `${name}=${value}`).join("");
  for (const path of ["/api/v1/session", "/api/v1/runs"]) {
    const answer = await api.call(path, { key: null, headers: { cookie, ...OWN_PAGE } });
    expect(answer.status, path).toBe(401);
  }
  const asSession = cookie.replace("-login", "");
  expect(
    (await api.call("/api/v1/session", { key: null, headers: { cookie: asSession } })).status,
  ).toBe(401);
  for (const step of ["begin", "remove"]) {
    const tried = await half.send("/second-factor", { step, code: "" });
    expect([tried.status, tried.text.includes("<svg")], step).toEqual([401, false]);
  }
  const crossSite = { "sec-fetch-site": "cross-site", cookie };
  for (const path of ["/login-code", "/second-factor"]) {
    const fields = path === "/login-code" ? { code: "123456" } : { step: "begin" };
    expect((await sendForm(api, path, fields, crossSite)).status, path).toBe(403);
  }
  // Who proved a password that is none any more has proved nothing.
  await api.call(`/api/v1/people/${ANA}/reset`, { method: "POST" });
  expect((await half.get("/login-code")).text).toContain("Log in to Millrace");
  expect((await browser.get("/second-factor")).text).toContain("Log in to Millrace");
});

test("S10: a code works once, on every server, and none that is older than one that was taken", async () => {
  const { api, secret } = await withFactor();
  const beside = await start({ beside: api, secretKeys: api.secretKeys });
  const by = (server: ApiUnderTest, code: string) =>
    logIn(server, { json: { email: ANA, password: PASSWORD, code } });
  const code = oneTimeCode(secret);
  const racing = await Promise.all([by(api, code), by(beside, code), by(api, code)]);
  expect(racing.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 401, 401]);
  expect((await by(beside, oneTimeCode(secret, -1))).body).toMatchObject({
    code: "login_failed",
    detail: expect.stringContaining("was used before"),
  });
  expect((await by(beside, oneTimeCode(secret, 1))).status).toBe(200);
});

test("S10: after five wrong codes the right one is refused, wherever they came from, and a password forgives none", async () => {
  const { api, secret, recovery } = await withFactor();
  for (let n = 1; n <= 5; n++) {
    const browser = new Browser(api, `192.0.2.${n}`);
    await browser.logIn();
    const code = n === 1 ? "never-a-code" : String(n).repeat(6);
    expect((await browser.send("/login-code", { code })).status, code).toBe(401);
  }
  const browser = new Browser(api, "192.0.2.9");
  await browser.logIn();
  for (const code of [oneTimeCode(secret), recovery[0]!]) {
    const refused = await browser.send("/login-code", { code });
    expect([refused.status, Number(refused.headers.get("retry-after")) > 800]).toEqual([429, true]);
  }
  await timePasses(api);
  await browser.send("/login-code", { code: recovery[0]! });
  expect((await browser.get("/login")).text).toContain("logged in");
});

test("a recovery code takes the place of a code once, and is on record", async () => {
  const { api, browser, recovery } = await withFactor();
  const code = recovery[3]!.toUpperCase().replaceAll("-", " ");
  const by = () => logIn(api, { json: { email: ANA, password: PASSWORD, code } });
  expect((await by()).status).toBe(200);
  expect((await by()).status).toBe(401);
  expect((await browser.get("/second-factor")).text).toContain("9 recovery codes left");
  const { body } = await api.call("/api/v1/audit?action=person.recovery_code_used");
  expect(body.entries).toMatchObject([
    { actor: `person:${ANA}`, object: `person:${ANA}`, after: { recoveryCodes: 9 } },
  ]);
});

test("S6, S10: neither secret, codes nor proofs are in a table, a log or a list, and a secret opens for nobody else", async () => {
  const { api, browser, secret, recovery } = await withFactor();
  const half = new Browser(api);
  await half.logIn();
  const { rows } = await api.db.query(
    `select f::text as text from millrace.second_factor f union all select a.entry from millrace.audit a
     union all select l::text from millrace.login_failure l`,
  );
  const list = await api.call("/api/v1/people");
  const kept = JSON.stringify([rows, api.lines, list.body]);
  const cookies = [...browser.jar.values(), ...half.jar.values()];
  const hidden = [
    secret,
    ...cookies,
    ...recovery.flatMap((code) => [code, code.replaceAll("-", "")]),
  ];
  for (const text of hidden) {
    for (const form of [
      text,
      Buffer.from(text).toString("hex"),
      Buffer.from(text).toString("base64"),
    ]) {
      expect(kept).not.toContain(form);
    }
  }
  await addPerson(api, "bea@example.com");
  await api.db.query(
    `insert into millrace.second_factor (person_id, wrapped_key, sealed, last_step, recovery)
     select p.id, f.wrapped_key, f.sealed, 0, '{}' from millrace.person p, millrace.second_factor f where p.email = 'bea@example.com'`,
  );
  const code = oneTimeCode(secret);
  const json = { email: "bea@example.com", password: PASSWORD, code };
  expect((await logIn(api, { json })).body).toMatchObject({
    status: 500,
    code: "secret_key_missing",
  });
});

test("S10: who has a role that must have a second factor sets it up before a session begins, and cannot take it away", async () => {
  const api = await start({ requireSecondFactor: ["admin", "editor"] });
  await addPerson(api, ANA, "admin");
  await addPerson(api, "vic@example.com", "viewer");
  expect((await logIn(api, { email: "vic@example.com" })).status).toBe(200);
  expect((await logIn(api)).body).toMatchObject({ status: 403, code: "second_factor_missing" });
  const browser = new Browser(api);
  expect((await browser.logIn()).text).toContain("Your role must have this");
  expect([...browser.jar.keys()]).toEqual(["__Host-millrace-login"]);
  const { secret } = await setUp(browser);
  expect([...browser.jar.keys()]).toEqual(["__Host-millrace"]);
  expect((await browser.get("/login")).text).toContain("You are logged in");
  await timePasses(api);
  const kept = await browser.send("/second-factor", { step: "remove", code: oneTimeCode(secret) });
  expect([kept.status, kept.text.includes("must have a second factor")]).toEqual([403, true]);
});

test("a second factor is set up anew, and taken away, by who has a code of it, and by an admin for who has lost it", async () => {
  const { api, browser, secret } = await withFactor();
  const blind = await browser.send("/second-factor", { step: "begin" });
  expect([blind.status, blind.text.includes("<svg")]).toEqual([401, false]);
  const page = await browser.send("/second-factor", { step: "begin", code: oneTimeCode(secret) });
  const next = secretIn(page);
  const fields = { step: "finish", setup: setupIn(page), code: oneTimeCode(next) };
  expect(recoveryIn(await browser.send("/second-factor", fields))).toHaveLength(10);
  await timePasses(api);
  const by = (code: string) => logIn(api, { json: { email: ANA, password: PASSWORD, code } });
  expect((await by(oneTimeCode(secret))).status, "of before").toBe(401);
  expect((await by(oneTimeCode(next))).status).toBe(200);
  await timePasses(api);
  await browser.send("/second-factor", { step: "remove", code: oneTimeCode(next) });
  expect((await logIn(api)).status).toBe(200);

  await setUp(browser);
  const reset = await api.call(`/api/v1/people/${ANA}/reset-second-factor`, { method: "POST" });
  expect(reset.body).toMatchObject({ email: ANA, secondFactor: false });
  expect((await browser.get("/login")).text, "sessions end").toContain("Log in to Millrace");
  expect((await logIn(api)).status).toBe(200);
  const { body } = await api.call(`/api/v1/audit?object=person:${ANA}&limit=200`);
  const told = body.entries.map(({ action, actor }: Record<string, string>) => [action, actor]);
  expect(told.filter(([action]: string[]) => action!.includes("second_factor"))).toEqual([
    ["person.second_factor_removed", "api"],
    ["person.second_factor_set", `person:${ANA}`],
    ["person.second_factor_removed", `person:${ANA}`],
    ["person.second_factor_set", `person:${ANA}`],
    ["person.second_factor_set", `person:${ANA}`],
  ]);
});

test("S10: what was begun before a second factor was set cannot take its place", async () => {
  const api = await start();
  await addPerson(api);
  const [owner, thief] = [new Browser(api), new Browser(api)];
  await thief.logIn();
  const begun = await thief.send("/second-factor", { step: "begin" });
  await owner.logIn();
  await setUp(owner);
  await timePasses(api);
  // With the password alone, which is how the thief began.
  await thief.logIn();
  const code = oneTimeCode(secretIn(begun));
  const fields = { step: "finish", setup: setupIn(begun), code };
  const tried = await thief.send("/second-factor", fields);
  expect([tried.status, tried.text.includes("begin again")]).toEqual([400, true]);

  await addPerson(api, "bea@example.com");
  const other = new Browser(api);
  await other.send("/login", { email: "bea@example.com", password: PASSWORD });
  expect((await other.send("/second-factor", fields)).status, "of somebody else").toBe(400);
});

test("S10: whoever has a copy of the database makes no proof of a password of it", async () => {
  const api = await start({ requireSecondFactor: ["admin"] });
  await addPerson(api, ANA, "admin");
  const { rows } = await api.db.query<{ id: string; password: string; secret: Buffer }>(
    "select p.id, p.password, l.secret from millrace.person p, millrace.link_secret l",
  );
  const [{ id, password, secret }] = rows as [(typeof rows)[number]];
  const digest = createHash("sha256").update(password).digest("base64url");
  const proof = JSON.stringify({ person: id, password: digest, until: Date.now() + 60_000 });
  const thief = new Browser(api);
  for (const purpose of ["second factor", "sign-on", "approval link"]) {
    const forged = new TokenSigner(secret, `millrace ${purpose}`).sign(Buffer.from(proof));
    thief.jar.set("__Host-millrace-login", forged);
    const tried = await thief.send("/second-factor", { step: "begin" });
    expect(tried.text, purpose).toContain("Log in to Millrace");
  }
  // Nor is one that was made taken when a bit of it is another.
  const owner = new Browser(api);
  await owner.logIn();
  const given = owner.jar.get("__Host-millrace-login")!;
  const at = given.length - 20;
  const other = given[at] === "A" ? "B" : "A";
  thief.jar.set("__Host-millrace-login", given.slice(0, at) + other + given.slice(at + 1));
  expect((await thief.get("/second-factor")).text).toContain("Log in to Millrace");
});

test("S6: second factors go to another key with the secrets, and a server without their key says so", async () => {
  const old = newKey();
  const { api, secret } = await withFactor({ secretKeys: secretKeys([old]) });
  const both = await start({ beside: api, secretKeys: secretKeys([newKey(), old]) });
  const rotated = await both.call("/api/v1/secrets/rotate", { method: "POST" });
  expect(rotated.body).toMatchObject({ rewrapped: 1 });
  const json = { email: ANA, password: PASSWORD, code: oneTimeCode(secret) };
  expect((await logIn(both, { json })).status).toBe(200);
  await expect(requireFactorKeys(api.db, secretKeys([old]))).rejects.toMatchObject({
    code: "secret_key_missing",
    message: expect.stringContaining("second factors of people in the database"),
  });
});
