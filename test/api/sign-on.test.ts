import { type PersonRole } from "@millrace/core";
import { SignOn, type SignOnSettings } from "millrace";
import { expect, test } from "vitest";
import { type Answer, type ApiUnderTest, startApi } from "../support/api.ts";
import { CLIENT_ID, CLIENT_SECRET, Issuer } from "../support/issuer.ts";
import { PASSWORD, addPerson, cookiesOf, logIn } from "../support/people.ts";

const PUBLIC_URL = "https://ops.example.com/m";

const ANA = { sub: "ana-1", email: "Ana@example.com", email_verified: true, name: "Ana" };

async function startBoth(more: Partial<SignOnSettings> = {}) {
  const issuer = await Issuer.start();
  issuer.claims = ANA;
  const settings: SignOnSettings = {
    issuer: issuer.url,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    scope: "openid email profile",
    roleClaim: undefined,
    roles: new Map(),
    ...more,
  };
  const signOn = new SignOn(settings, PUBLIC_URL);
  const api = await startApi({ publicUrl: PUBLIC_URL, signOn });
  return { issuer, api, settings };
}

/** From the login page to the issuer and back, as a browser goes; up to the address that it comes back with. */
async function goToIssuer(api: ApiUnderTest): Promise<{ back: string; cookie: string }> {
  const gone = await api.call("/login/oidc", { key: null });
  expect(gone.status).toBe(303);
  const [set] = gone.headers.getSetCookie();
  expect(set).toMatch(
    /^__Host-millrace-sign-on=[\w-]+; Max-Age=(600|59\d); Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
  const answer = await fetch(gone.headers.get("location")!, { redirect: "manual" });
  const back = answer.headers.get("location")!;
  expect(back).toContain(`${PUBLIC_URL}/login/oidc/callback?`);
  return { back: back.slice(PUBLIC_URL.length), cookie: cookiesOf(gone) };
}

async function signOn(api: ApiUnderTest): Promise<Answer> {
  const { back, cookie } = await goToIssuer(api);
  return api.call(back, { key: null, headers: { cookie } });
}

/** Who is logged in by what an answer has set; undefined for nobody. */
async function whoIs(api: ApiUnderTest, answer: Answer) {
  const { status, body } = await api.call("/api/v1/session", {
    key: null,
    headers: { cookie: cookiesOf(answer) },
  });
  return status === 200 ? { email: body.email, role: body.role } : undefined;
}

async function refused(api: ApiUnderTest, answer: Answer, says: string) {
  expect(answer).toMatchObject({ status: 403, body: expect.stringContaining(says) });
  expect(await whoIs(api, answer)).toBe(undefined);
}

test("S10: whom the issuer vouches for gets in when somebody has added them, with the role that people gave", async () => {
  const { api, issuer } = await startBoth();
  const { host } = new URL(issuer.url);
  expect((await api.call("/login", { key: null })).body).toContain(`Log in with ${host}`);
  await refused(api, await signOn(api), "no person ana@example.com");
  expect((await api.call("/api/v1/people")).body.people).toEqual([]);

  await addPerson(api, "ana@example.com", "editor");
  const entered = await signOn(api);
  expect([entered.status, entered.headers.get("location")]).toEqual([303, "../../"]);
  expect(await whoIs(api, entered)).toEqual({ email: "ana@example.com", role: "editor" });
  expect((await api.call("/api/v1/people")).body.people).toMatchObject([
    { signOn: true, password: true },
  ]);

  // It is her account there that counts from now on, and not the address, which may be another's one day.
  issuer.claims = { ...ANA, sub: "somebody-else" };
  await refused(api, await signOn(api), "is bound to another account");
  issuer.claims = { ...ANA, email: "ana.new@example.com" };
  expect(await whoIs(api, await signOn(api))).toEqual({ email: "ana@example.com", role: "editor" });

  await api.call("/api/v1/people/ana@example.com/disable", { json: {} });
  await refused(api, await signOn(api), "may not log in");
});

test("S10: a claim may give a role, which lasts as long as the claim does", async () => {
  const roles = new Map<string, PersonRole>([
    ["staff", "viewer"],
    ["platform", "admin"],
  ]);
  const { api, issuer } = await startBoth({ roleClaim: "groups", roles });
  issuer.claims = { ...ANA, groups: ["lunch"] };
  await refused(api, await signOn(api), "no person");
  issuer.claims = { ...ANA, groups: ["staff", "platform", "lunch"] };
  expect(await whoIs(api, await signOn(api))).toEqual({ email: "ana@example.com", role: "admin" });
  // By a password they would get in without the claim.
  const reset = await api.call("/api/v1/people/ana@example.com/reset", { json: {} });
  expect(reset.body).toMatchObject({ status: 400, code: "invalid_request" });
  issuer.claims = { ...ANA, groups: "staff" };
  expect(await whoIs(api, await signOn(api))).toEqual({ email: "ana@example.com", role: "viewer" });

  issuer.claims = { ...ANA, groups: [] };
  await refused(api, await signOn(api), "claim gives ana@example.com a role");
  const { rows } = await api.db.query("select 1 from millrace.session");
  expect(rows).toEqual([]);

  // What people say holds, whatever the claim says.
  await api.call("/api/v1/people/ana@example.com", { method: "PATCH", json: { role: "operator" } });
  issuer.claims = { ...ANA, groups: ["platform"] };
  expect(await whoIs(api, await signOn(api))).toEqual({
    email: "ana@example.com",
    role: "operator",
  });
});

test("S10: an address that the issuer has not verified, or does not tell, lets nobody in", async () => {
  const { api, issuer } = await startBoth();
  await addPerson(api, "ana@example.com", "admin");
  for (const verified of [false, undefined, "true", 1]) {
    issuer.claims = { ...ANA, email_verified: verified };
    await refused(api, await signOn(api), "has not verified");
  }
  issuer.claims = { sub: "ana-1", email_verified: true };
  await refused(api, await signOn(api), "gives no e-mail address");
  issuer.claims = ANA;
  issuer.onlyInUserinfo = ["email", "email_verified"];
  expect(await whoIs(api, await signOn(api))).toMatchObject({ role: "admin" });
});

test("S10: a token that is not this issuer's, for this server, for this login, and of now, lets nobody in", async () => {
  const { api, issuer } = await startBoth();
  await addPerson(api, "ana@example.com", "admin");
  for (const lies of [
    { nonce: "of-another-login" },
    { audience: "another-client" },
    { issuer: "https://evil.example" },
    { expiresAt: Math.floor(Date.now() / 1000) - 120 },
    { forged: true },
  ]) {
    issuer.lies = lies;
    await refused(api, await signOn(api), "not an answer to it");
  }
  issuer.lies = {};
  expect(await whoIs(api, await signOn(api))).toMatchObject({ role: "admin" });
  const told = JSON.stringify(api.lines.filter(({ msg }) => msg === "a sign-on failed"));
  expect(told).toMatch(/nonce|JWT claim/);
});

test("S10: an answer of the issuer works once, and only in the browser that asked for it", async () => {
  const { api } = await startBoth();
  await addPerson(api, "ana@example.com", "admin");
  const mine = await goToIssuer(api);
  const theirs = await goToIssuer(api);
  const come = (back: string, cookie?: string) =>
    api.call(back, { key: null, ...(cookie !== undefined && { headers: { cookie } }) });

  await refused(api, await come(mine.back), "has not begun a sign-on");
  await refused(api, await come(mine.back, "__Host-millrace-sign-on=made-up"), "has not begun");
  // Somebody is sent to the address of another's login: they would be logged in as the other.
  await refused(api, await come(theirs.back, mine.cookie), "not an answer to it");
  const state = /state=[^&]+/;
  const forged = mine.back.replace(state, "state=made-up");
  await refused(api, await come(forged, mine.cookie), "not an answer to it");
  const denied = mine.back.replace(/code=[^&]+/, "error=access_denied");
  await refused(api, await come(denied, mine.cookie), "not an answer to it");

  const entered = await come(mine.back, mine.cookie);
  expect(await whoIs(api, entered)).toMatchObject({ role: "admin" });
  expect(entered.headers.getSetCookie()[0]).toMatch(/^__Host-millrace-sign-on=; Max-Age=0;/);
  await refused(api, await come(mine.back, mine.cookie), "not an answer to it");
  const code = /code=([^&]+)/.exec(mine.back)![1]!;
  expect(JSON.stringify(api.lines)).not.toContain(code);
  expect(JSON.stringify(api.lines)).not.toContain(CLIENT_SECRET);
});

test("without its issuer nobody signs on, and passwords still work", async () => {
  const signOn = new SignOn(
    {
      issuer: "http://127.0.0.1:1",
      clientId: CLIENT_ID,
      clientSecret: undefined,
      scope: "openid email",
      roleClaim: undefined,
      roles: new Map(),
    },
    PUBLIC_URL,
  );
  const api = await startApi({ publicUrl: PUBLIC_URL, signOn });
  await addPerson(api);
  const answer = await api.call("/login/oidc", { key: null });
  expect(answer).toMatchObject({ status: 503, body: expect.stringContaining("does not answer") });
  expect((await logIn(api, { password: PASSWORD })).status).toBe(200);
});
