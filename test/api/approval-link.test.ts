import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { ApprovalLinks } from "../../packages/server/src/engine/approval-links.ts";
import { keepWithdrawals } from "../../packages/server/src/store/approvals.ts";
import type { Keeping } from "../../packages/server/src/store/steps.ts";
import { wakeWaiting } from "../../packages/server/src/store/timers.ts";
import { takeWaits } from "../../packages/server/src/store/waits.ts";
import { startApi } from "../support/api.ts";
import { type AskedFor, askFor } from "../support/approval.ts";

/** A run that asks, and somebody without a key who has the link. */
async function linked(asked: AskedFor = {}) {
  const api = await startApi();
  const made = await api.call("/api/v1/runs", { json: { job: "nothing", input: {} } });
  const { worker, runs } = await api.claim();
  const [token] = (await askFor(api.db, { worker, ...runs[0]! }, asked)) as [string];
  const look = (link = token) =>
    api.call(`/approve?link=${encodeURIComponent(link)}`, { key: null });
  const send = (fields: Record<string, string> | string) =>
    api.call("/approve", {
      key: null,
      text: typeof fields === "string" ? fields : new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  const answers = async () => {
    const { body } = await api.call(`/api/v1/runs/${made.body.id}`);
    return body.timeline.filter(({ event }: { event: string }) => event === "approval answered");
  };
  return { api, worker, run: made.body.id as string, token, look, send, answers };
}

test("a link shows what is asked and two buttons, without a key, and changes nothing by being looked at", async () => {
  const { api, look, answers, run, token } = await linked({
    ask: "Refund 5 € to Ada?",
    details: { order: 4711, lines: ["a", "b"] },
    forMs: 3_600_000,
  });
  for (let again = 0; again < 3; again++) {
    const { status, headers, body } = await look();
    expect(status).toBe(200);
    expect(body).toMatch(/<h1[^>]*>Refund 5 € to Ada\?<\/h1>/);
    expect(body).toContain("4711");
    expect(body).toMatch(/<form method="post" action="approve"/);
    expect(body).toMatch(/<button[^>]* value="approve"[^]*<button[^>]* value="reject"/);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex, nofollow",
      "x-content-type-options": "nosniff",
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
      ),
    });
    expect(headers.get("set-cookie")).toBe(null);
  }
  expect((await api.call(`/approve?link=${token}`, { key: null, method: "HEAD" })).status).toBe(
    200,
  );
  expect(await answers()).toEqual([]);
  expect((await api.call(`/api/v1/runs/${run}`)).body.state).toBe("waiting");
});

test("a button answers, with who and why; the run goes on, and the link then shows the answer and does nothing more", async () => {
  const { api, look, send, answers, run, token } = await linked();
  const sent = await send({
    link: token,
    answer: "approve",
    name: " Ana ",
    note: "two\r\nlines",
  });
  expect(sent.status).toBe(303);
  expect(sent.headers.get("location")).toBe(`approve?link=${token}`);
  expect(api.rung).toContain("default");
  expect((await api.call(`/api/v1/runs/${run}`)).body.state).toBe("queued");
  expect(await answers()).toMatchObject([
    {
      actor: "link",
      detail: { name: "refund", ordinal: 1, approved: true, by: "Ana", note: "two\nlines" },
    },
  ]);
  const after = await look();
  expect(after).toMatchObject({ status: 200, body: expect.stringMatching(/Approved[^]*Ana/) });
  expect(after.body).not.toContain("<form");
  const second = await send({ link: token, answer: "reject", name: "Bob" });
  expect(second).toMatchObject({ status: 409, body: expect.stringMatching(/Approved[^]*Ana/) });
  expect(await answers()).toHaveLength(1);
});

test("a name is on record as it was written, or the form is refused", async () => {
  const { send, token, answers } = await linked();
  for (const name of ["%ED%A0%80", "%ff", "%zz"]) {
    const sent = await send(`link=${token}&answer=approve&name=${name}`);
    expect(sent).toMatchObject({ status: 400, body: expect.stringContaining("not UTF-8") });
  }
  await send(`link=${token}&answer=approve&name=link`);
  expect(await answers()).toMatchObject([{ actor: "link", detail: { by: "link" } }]);
});

test("the key Enter in a field of the form answers nothing: the first button is neither of the two", async () => {
  const { look, send, answers, token } = await linked();
  const { body } = await look();
  expect(/<button[^>]* value="(\w+)"/.exec(body)?.[1]).toBe("none");
  expect((await send({ link: token, answer: "none", name: "Ana" })).status).toBe(303);
  expect(await answers()).toEqual([]);
});

test("of two who press a button at the same time one answers, and the other sees what was said", async () => {
  const { send, answers, token } = await linked();
  const sent = await Promise.all(
    ["approve", "reject", "reject"].map((answer) => send({ link: token, answer })),
  );
  expect(sent.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 409, 409]);
  const [only, ...others] = await answers();
  expect(others).toEqual([]);
  const word = only.detail.approved ? "Approved" : "Rejected";
  for (const { status, body } of sent) if (status === 409) expect(body).toContain(word);
});

test("the answer is still shown when the run has taken it and gone on", async () => {
  const { api, look, send, token, run } = await linked();
  await send({ link: token, answer: "reject" });
  const { worker, runs } = await api.claim();
  await takeWaits(api.db, worker, [runs[0]!.leaseId], [run], ["refund"], [1], [1], [2], [false]);
  expect(await look()).toMatchObject({ status: 200, body: expect.stringContaining("Rejected") });
  expect((await send({ link: token, answer: "approve" })).status).toBe(409);
});

test("a link works whatever the name of its approval is, and how long", async () => {
  for (const name of ["x", "é & <b> ?link=#", "\u{1F600}".repeat(100)]) {
    const { look, send, token, answers } = await linked({ name });
    expect(token.length).toBeLessThan(1200);
    expect((await look()).status).toBe(200);
    expect((await send({ link: token, answer: "approve" })).status).toBe(303);
    expect(await answers()).toMatchObject([{ detail: { name } }]);
  }
});

test("a link whose time is over, or whose run has ended or is forgotten, says so, and answers nothing", async () => {
  const late = await linked({ forMs: 0 });
  expect(await late.look()).toMatchObject({
    status: 410,
    body: expect.stringMatching(/Too late to answer[^]*UTC/),
  });
  expect((await late.send({ link: late.token, answer: "approve" })).status).toBe(410);
  const { api, look, send, token, run, answers } = await linked();
  await api.call(`/api/v1/runs/${run}/cancel`, { json: {} });
  expect(await look()).toMatchObject({ status: 410, body: expect.stringContaining("cancelled") });
  expect((await send({ link: token, answer: "approve" })).status).toBe(410);
  expect(await answers()).toEqual([]);
  await api.db.query("delete from millrace.run");
  expect(await look()).toMatchObject({
    status: 410,
    body: expect.stringContaining("not on record"),
  });
});

test("a link to what its run does not ask any more says so, and answers nothing", async () => {
  const { api, look, send, token, run, answers } = await linked();
  await wakeWaiting(api.db, [run]);
  const { worker, runs } = await api.claim();
  const { leaseId } = runs[0]!;
  const step = { worker, leases: [leaseId], runs: [run], names: ["notify refund"], ordinals: [1] };
  const failed = { seqs: [1], attempts: [2], tookMs: [1], values: ["{}"], failed: [true] };
  const told = [...Object.values({ ...step, ...failed }), ["step"]] as Keeping;
  await keepWithdrawals(api.db, ...told, ["refund"], [1]);
  expect(await look()).toMatchObject({
    status: 410,
    body: expect.stringContaining("The run that asked goes on without one."),
  });
  expect((await send({ link: token, answer: "approve" })).status).toBe(410);
  expect(await answers()).toEqual([]);
});

test("a link that was changed in any byte, cut, or made by somebody else is not told what is wrong with it", async () => {
  const { api, look, send, answers, token, run } = await linked();
  const bytes = Buffer.from(token, "base64url");
  const forged = [...bytes.keys()].map((at) => {
    const other = Buffer.from(bytes);
    other[at]! ^= 1;
    return other.toString("base64url");
  });
  const place = { runId: run, name: "refund", ordinal: 1, until: new Date(Date.UTC(9999, 11, 31)) };
  // Whoever has a copy of the database has the key of the signatures, and of each link a digest.
  const withKey = await new ApprovalLinks(api.db).sign(place, randomBytes(16));
  const tries = ["", "x", token.slice(0, -1), `${token}A`, `${token}=`, `${token}\n`, withKey];
  const none = await look("nothing");
  expect(none.status).toBe(404);
  for (const link of [...tries, ...forged.filter((_each, at) => at % 7 === 0)]) {
    expect(await look(link), link).toMatchObject({ status: 404, body: none.body });
    expect((await send({ link, answer: "approve" })).status, link).toBe(404);
  }
  expect(await answers()).toEqual([]);
  expect((await look()).status).toBe(200);
});

test("a link is for its approval alone: another of its run, its API, and every other path take it for nothing", async () => {
  const api = await startApi();
  await api.call("/api/v1/runs", { json: { job: "nothing", input: {} } });
  const { worker, runs } = await api.claim();
  const [first, second] = await askFor(
    api.db,
    { worker, ...runs[0]! },
    { name: "first" },
    { name: "second" },
  );
  expect(first).not.toBe(second);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const text = `link=${first}&answer=approve`;
  expect((await api.call("/approve", { key: null, text, headers: form })).status).toBe(303);
  const { body } = await api.call("/api/v1/approvals");
  expect(body.approvals).toMatchObject([{ name: "second" }]);
  for (const path of ["/api/v1/approvals", "/approve/", "/Approve", "/approve/x", "/%61pprove"]) {
    expect((await api.call(`${path}?link=${second}`, { key: null })).status, path).toBe(401);
    expect((await api.call(path, { key: second! })).status, path).toBe(401);
  }
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect((await api.call("/approve", { key: null, method })).status, method).toBe(401);
  }
});

test.each<[string, string | ((link: string) => string), number]>([
  ["without an answer", (link) => `link=${link}`, 400],
  ["with another answer", (link) => `link=${link}&answer=yes`, 400],
  ["with two answers", (link) => `link=${link}&answer=reject&answer=approve`, 400],
  ["with a field that is unknown", (link) => `link=${link}&answer=approve&run=1`, 400],
  ["with a long note", (link) => `link=${link}&answer=approve&note=${"x".repeat(1001)}`, 400],
  ["with a NUL", (link) => `link=${link}&answer=approve&note=a%00b`, 400],
  ["with keys of prototypes", (link) => `link=${link}&answer=approve&__proto__=1`, 400],
  ["that is large", (link) => `link=${link}&answer=approve&note=${"x".repeat(40_000)}`, 413],
  ["that is empty", "", 400],
])("a form %s is refused on a page, and answers nothing", async (_what, text, status) => {
  const { send, answers, token } = await linked();
  const sent = await send(typeof text === "string" ? text : text(token));
  expect(sent.status).toBe(status);
  expect(sent.headers.get("content-type")).toContain("text/html");
  expect(await answers()).toEqual([]);
});

test("JSON is no form, and a form is no JSON elsewhere", async () => {
  const { api, token, answers, run } = await linked();
  const json = { link: token, answer: "approve" };
  expect(await api.call("/approve", { key: null, json })).toMatchObject({
    status: 415,
    body: expect.stringMatching(/<h1[^>]*>This cannot be read</),
  });
  const elsewhere = await api.call(`/api/v1/runs/${run}/approvals`, {
    text: "approved=true",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(elsewhere).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
  expect(await answers()).toEqual([]);
});

test("what is asked, its details, names and notes are text on the page, whatever they look like", async () => {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`;
  const { look, send, token } = await linked({
    ask: evil,
    details: { [evil]: evil, nested: { [evil]: [evil] } },
  });
  const { body } = await look();
  expect(body).not.toMatch(/<script|<img/);
  expect(body).toContain("&lt;script&gt;");
  await send({ link: token, answer: "approve", name: evil.slice(0, 90), note: evil });
  expect((await look()).body).not.toMatch(/<script|<img/);
});

test("a token is in no line of the log, at any level, also of requests that are refused", async () => {
  const { api, look, send, token } = await linked();
  await look();
  await look(`${token}x`);
  await send({ link: token, answer: "nonsense" });
  await send({ link: token, answer: "approve", note: "n\0" });
  await api.call(`/approve?link=${token}&token=x`, { key: null });
  await api.call(`/api/v1/approvals?link=${token}`);
  await api.call(`/nothing?link=${token}`);
  await api.call(`/approve?link=${token}`, { key: null, method: "DELETE" });
  await send({ link: token, answer: "approve" });
  expect(api.lines.filter(({ msg }) => msg === "request").length).toBeGreaterThan(8);
  const logged = JSON.stringify(api.lines);
  for (let at = 0; at + 24 <= token.length; at += 8) {
    expect(logged).not.toContain(token.slice(at, at + 24));
  }
  expect((await api.call("/metrics")).body).not.toContain(token.slice(0, 24));
});

test("without the database the page says that nothing was answered, and to try again", async () => {
  const api = await startApi({ away: true });
  const sent = await api.call("/approve?link=x", { key: null });
  expect(sent).toMatchObject({ status: 503, body: expect.stringContaining("Try again") });
  expect(sent.headers.get("retry-after")).toBe("1");
});

test("a link to an approval that needs a role shows what is asked, and takes no answer", async () => {
  const { api, look, send, token, answers, run } = await linked({
    ask: "Pay 9,000 €?",
    role: "admin",
  });
  const { status, body } = await look();
  expect(status).toBe(200);
  expect(body).toMatch(/<h1[^>]*>Pay 9,000 €\?<\/h1>/);
  expect(body).toMatch(/an API key of the role admin/);
  expect(body).not.toMatch(/<form|<button/);
  expect(await send({ link: token, answer: "approve" })).toMatchObject({ status: 403 });
  expect(await answers()).toEqual([]);
  await api.call(`/api/v1/runs/${run}/approvals`, { json: { approved: true } });
  expect((await look()).body).toContain("Approved");
});
