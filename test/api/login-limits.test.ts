import { createHash } from "node:crypto";
import { createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { SessionPruner } from "../../packages/server/src/maintenance/session-pruner.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { addPerson, browserOf, logIn, sendForm } from "../support/people.ts";
import { until } from "../support/until.ts";

const WRONG = "a lamp, a fern and a cat";

/** Logins by way of a proxy that says for whom it asks. */
const from = (address: string) => ({ "x-forwarded-for": address });

/** As if so many logins had failed lately. */
async function failed(api: ApiUnderTest, counted: string[], times: number) {
  await api.db.query(
    `insert into millrace.login_failure (key, failures, until) values ($1, $2, clock_timestamp() + interval '10 min')
     on conflict (key) do update set failures = excluded.failures`,
    [createHash("sha256").update(counted.join("\0")).digest(), times],
  );
}

const ANA = "ana@example.com";

async function fail(api: ApiUnderTest, times: number, address: string, email?: string) {
  const answers = [];
  for (let n = 0; n < times; n++) {
    answers.push(await logIn(api, { password: WRONG, email, headers: from(address) }));
  }
  return answers.map(({ status }) => status);
}

test("S10: the 11th failure of a person from an address is refused, the right password too, and other addresses and people are not", async () => {
  const api = await startApi({ trustedProxies: ["127.0.0.1"] });
  const beside = await startApi({ beside: api, trustedProxies: ["127.0.0.1"] });
  await addPerson(api);
  await addPerson(api, "bea@example.com");
  const mallory = "192.0.2.66";
  expect(await fail(api, 5, mallory)).toEqual(Array(5).fill(401));
  expect(await fail(beside, 5, mallory)).toEqual(Array(5).fill(401));
  expect(await fail(api, 1, mallory)).toEqual([429]);

  for (const server of [api, beside]) {
    const right = await logIn(server, { headers: from(mallory) });
    expect(right.body).toMatchObject({ status: 429, code: "too_many_logins" });
    const retryAfter = Number(right.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(800);
    expect(retryAfter).toBeLessThanOrEqual(900);
    expect(right.headers.getSetCookie()).toEqual([]);
  }
  const fields = { email: "ana@example.com", password: WRONG };
  const form = await sendForm(api, "/login", fields, {
    ...from(mallory),
    "sec-fetch-site": "same-origin",
  });
  expect([form.status, form.headers.has("retry-after")]).toEqual([429, true]);
  expect(api.lines.some(({ address }) => address === mallory)).toBe(true);

  expect((await logIn(api, { headers: from("192.0.2.67") })).status).toBe(200);
  expect((await logIn(api, { email: "bea@example.com", headers: from(mallory) })).status).toBe(200);

  await api.db.query("update millrace.login_failure set until = clock_timestamp()");
  expect((await logIn(api, { headers: from(mallory) })).status).toBe(200);
});

test("S10: many guesses at once are no more than one after the other", async () => {
  const api = await startApi();
  await addPerson(api);
  const answers = await Promise.all(
    Array.from({ length: 25 }, () => logIn(api, { password: WRONG })),
  );
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
});

test("S10: a login that succeeds forgets what failed before it", async () => {
  const api = await startApi();
  await addPerson(api);
  await failed(api, ["both", ANA, "127.0.0.1"], 9);
  expect((await logIn(api)).status).toBe(200);
  expect(await fail(api, 2, "-")).toEqual([401, 401]);
});

test("S10: who is not there, is disabled or has no password gets the same answer, counted the same", async () => {
  const api = await startApi();
  await addPerson(api);
  await addPerson(api, "gone@example.com");
  await api.call("/api/v1/people/gone@example.com/disable", { json: {} });
  await api.call("/api/v1/people", { json: { email: "new@example.com", role: "viewer" } });
  const told = async (email: string) => {
    const { status, body } = await logIn(api, {
      email,
      ...(email.startsWith("ana") && { password: WRONG }),
    });
    return [status, body.code, body.detail];
  };
  const known = await told("ana@example.com");
  expect(known.slice(0, 2)).toEqual([401, "login_failed"]);
  for (const email of ["nobody@example.com", "gone@example.com", "new@example.com"]) {
    expect(await told(email)).toEqual(known);
  }
  await failed(api, ["both", "nobody@example.com", "127.0.0.1"], 9);
  expect((await told("nobody@example.com"))[0]).toBe(401);
  expect((await told("nobody@example.com"))[0]).toBe(429);
});

test("S10: an address that tries many people is refused for all, and an account that many addresses try is slower, not locked", async () => {
  const api = await startApi({ trustedProxies: ["127.0.0.1"] });
  await addPerson(api);
  await failed(api, ["address", "192.0.2.66"], 100);
  expect((await logIn(api, { headers: from("192.0.2.66") })).status).toBe(429);
  await failed(api, ["address", "2001:db8:0:0::/64"], 100);
  expect((await logIn(api, { headers: from("2001:db8::1:2:3:4") })).status).toBe(429);

  await failed(api, ["account", ANA], 100);
  const started = performance.now();
  expect((await logIn(api, { headers: from("192.0.2.67") })).status).toBe(200);
  expect(performance.now() - started).toBeGreaterThan(900);
});

test("what a caller says of its own address is not believed, unless it is a proxy that was named", async () => {
  const api = await startApi();
  await addPerson(api);
  await failed(api, ["both", ANA, "127.0.0.1"], 10);
  expect(await fail(api, 1, "192.0.2.99")).toEqual([429]);
});

test("S10: whoever finds a browser open cannot guess the password there", async () => {
  const api = await startApi();
  await addPerson(api);
  const me = await browserOf(api);
  const json = { password: WRONG, newPassword: "a stove, a cat and a window" };
  await failed(api, ["both", ANA, "127.0.0.1"], 9);
  expect((await me("/api/v1/session/password", { json })).status).toBe(401);
  const last = await me("/api/v1/session/password", { json });
  expect([last.status, last.headers.has("retry-after")]).toEqual([429, true]);
});

test("failures and sessions that are over are forgotten", async () => {
  const api = await startApi();
  await addPerson(api);
  await fail(api, 1, "-");
  await logIn(api);
  await api.db.query("update millrace.login_failure set until = clock_timestamp()");
  await api.db.query("update millrace.session set ends_at = clock_timestamp()");
  await fail(api, 1, "-", "other@example.com");
  const pruner = new SessionPruner({ db: api.db, logger: createLogger("silent") });
  onTestFinished(() => pruner.stop());
  await pruner.start();
  await until("they are gone", async () => {
    const { rows } = await api.db.query<{ left: string }>(
      `select (select count(*) from millrace.login_failure) || ' ' || (select count(*) from millrace.session) as left`,
    );
    // Of an address, of one account and of both.
    return rows[0]!.left === "3 0";
  });
});
