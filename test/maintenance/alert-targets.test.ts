import { randomBytes } from "node:crypto";
import { type AddressInfo } from "node:net";
import { defineJob } from "@millrace/sdk";
import { AllowedHosts, OutboundGuard, createLogger, rotateSecrets } from "millrace";
import { SMTPServer } from "smtp-server";
import { expect, onTestFinished, test } from "vitest";
import { acknowledge } from "../../packages/server/src/engine/alerts/acknowledge.ts";
import { endSilence, silenceAlerts } from "../../packages/server/src/engine/alerts/silences.ts";
import {
  type GivenTarget,
  setAlertTarget,
  testAlertTarget,
} from "../../packages/server/src/engine/alerts/targets.ts";
import { setSubscription } from "../../packages/server/src/engine/webhooks/subscriptions.ts";
import { AlertNotifier } from "../../packages/server/src/maintenance/alert-notifier.ts";
import { onFailpoint } from "../../packages/server/src/runtime/failpoints.ts";
import { takeNotifications } from "../../packages/server/src/store/alert-notifications.ts";
import { Alerting } from "../support/alerting.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";
import { ADMIN } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const works = defineJob({ name: "works", run: () => "done" });
const other = defineJob({ name: "other", run: () => "done" });

const canary = () => `canary-${randomBytes(12).toString("hex")}`;

interface Told extends Record<string, unknown> {
  id: string;
  event: string;
  outcome: string | null;
  attempts: number;
  status: number | null;
  error: string | null;
  answer: string | null;
}

async function started(allowed: string[]) {
  const a = await Alerting.create(works, other);
  const text = newKey();
  const keys = secretKeys([text]);
  const guard = new OutboundGuard(new AllowedHosts(allowed));
  const lines: string[] = [];
  const logger = createLogger("debug", { write: (line: string) => void lines.push(line) });
  const target = (name: string, given: Partial<GivenTarget>) =>
    setAlertTarget(a.mill.db, ADMIN, { keys, guard }, name, {
      ...{ kind: undefined, credential: undefined, url: undefined, server: undefined },
      ...{ user: undefined, from: undefined, to: undefined, leastSeverity: undefined },
      ...{ enabled: undefined, project: undefined, ...given },
    });
  const startNotifier = async (takenForMs = 60_000) => {
    const notifier = new AlertNotifier({
      ...{ db: a.mill.db, logger, keys, guard, userAgent: "Millrace/test", takenForMs },
    });
    onTestFinished(() => notifier.stop());
    await notifier.start();
    return notifier;
  };
  const told = (name: string) =>
    a.mill.rows<Told>("select * from millrace.alert_notification where target = $1 order by id", [
      name,
    ]);
  const untilTold = (name: string, count: number) =>
    until(`${name} is told ${count}`, async () => {
      const rows = await told(name);
      return rows.length === count && rows.every(({ outcome }) => outcome !== null) && rows;
    });
  /** A dead letter of a job, at an instant of the alerting. */
  const dies = (job: string, minutes: number) => a.dies(job, minutes);
  const hurry = () =>
    a.mill.db.query(
      "update millrace.alert_notification set due_at = now() where due_at is not null",
    );
  await a.rule("dead-letters");
  return { a, keys, text, guard, lines, target, startNotifier, told, untilTold, dies, hurry };
}

/** A server that takes mail from those who log in, or from anybody. */
async function mailbox(login?: { user: string; pass: string }) {
  const mails: string[] = [];
  const server = new SMTPServer({
    ...{ authOptional: !login, hideSTARTTLS: true, allowInsecureAuth: true, logger: false },
    onAuth: ({ username, password }, _session, tell) => {
      if (username === login?.user && password === login?.pass) tell(null, { user: username });
      else tell(new Error(`535 no: ${password}`));
    },
    onData: (stream, _session, tell) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => void parts.push(part));
      stream.on("end", () => {
        mails.push(Buffer.concat(parts).toString("utf8"));
        tell();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const host = `127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  return { host, mails };
}

test("Slack's webhook is told what fires, since when, why and what to do, with a link, and what is over", async () => {
  const there = await receivingServer();
  const { a, target, startNotifier, untilTold, dies } = await started([there.host]);
  await target("chat", { kind: "slack", credential: `${there.url}/services/T0/B0/x` });
  await startNotifier();
  await dies("works", 0);
  await a.round(1);
  await untilTold("chat", 1);
  const [first] = there.received;
  expect(first!.path).toBe("/hook/services/T0/B0/x");
  expect(JSON.parse(first!.body)).toMatchObject({
    text: "warning: dead-letters: 1 run of works gave up within 10 m",
    attachments: [
      {
        title: "1 run of works gave up within 10 m",
        title_link: "https://mill.example.com/jobs/works",
        text: expect.stringContaining("threshold 0 runs"),
      },
      {
        text: "They have failed for good, and wait for somebody to decide. millrace dead: rerun or dismiss them.",
        footer: "docs/alerts.md#dead-letters",
      },
    ],
  });
  await a.round(12);
  await untilTold("chat", 2);
  expect(JSON.parse(there.received[1]!.body).text).toBe(
    "Resolved: dead-letters: 1 run of works gave up within 10 m",
  );
});

test("PagerDuty gets a trigger and a resolve under one key, for whatever a rule fires about", async () => {
  const there = await receivingServer((response) => response.writeHead(202).end("{}"));
  const { a, target, startNotifier, untilTold, dies } = await started([there.host]);
  const credential = canary();
  await target("pager", { kind: "pagerduty", credential, url: there.url });
  await startNotifier();
  await dies("works", 0);
  await dies("other", 0);
  await a.round(1);
  await untilTold("pager", 1);
  await a.round(12);
  await untilTold("pager", 2);
  const [trigger, resolve] = there.received.map(({ body }) => JSON.parse(body));
  expect(trigger).toMatchObject({
    routing_key: credential,
    event_action: "trigger",
    dedup_key: expect.stringMatching(/^millrace-[0-9a-f]{32}$/),
    payload: {
      ...{ severity: "warning", source: "millrace", summary: "warning: dead-letters (2)" },
      custom_details: {
        firing: [expect.stringContaining("other"), expect.stringContaining("works")],
      },
    },
    links: [
      { href: "https://mill.example.com/jobs/other" },
      { href: "https://mill.example.com/jobs/works" },
    ],
  });
  expect(resolve).toMatchObject({ event_action: "resolve", dedup_key: trigger.dedup_key });
});

test("a mail is handed to an SMTP server, by a login, under the id of its notification", async () => {
  const pass = canary();
  const box = await mailbox({ user: "mill", pass });
  const { a, target, startNotifier, untilTold, dies } = await started([box.host]);
  await target("mail", {
    ...{ kind: "email", server: `smtp://${box.host}`, user: "mill", credential: pass },
    ...{ from: "mill@example.com", to: ["ops@example.com"] },
  });
  await startNotifier();
  await dies("works", 0);
  await a.round(1);
  const [row] = await untilTold("mail", 1);
  expect(row).toMatchObject({ outcome: "delivered", error: null });
  expect(box.mails).toHaveLength(1);
  expect(box.mails[0]).toContain(`Message-ID: <${row!.id}@example.com>`);
  expect(box.mails[0]).toContain("To: ops@example.com");
  expect(box.mails[0]).toMatch(/Subject: \[millrace\] warning: dead-letters: 1 run of works/);
  expect(box.mails[0]).toContain("https://mill.example.com/jobs/works");
});

test("a webhook subscription is told alert.firing and alert.resolved, of its project or of all", async () => {
  const { a, keys, guard, dies } = await started(["127.0.0.1"]);
  const events = ["alert.firing", "alert.resolved"] as const;
  const subscribe = (name: string, caller: typeof ADMIN, job: string | null) =>
    setSubscription(a.mill.db, caller, { keys, guard }, name, {
      ...{ url: "http://127.0.0.1/", events, job, enabled: undefined },
    });
  await subscribe("ops", ADMIN, null);
  await subscribe("mine", { ...ADMIN, projects: ["default"] } as never, null);
  await subscribe("of-other", ADMIN, "other");
  await a.rule("wraparound", { threshold: 0 });
  await dies("works", 0);
  await a.round(1);
  const rows = await a.mill.rows<{ subscription: string; event: string; body: string }>(
    "select subscription, event, body from millrace.webhook_delivery order by subscription, body",
  );
  expect(
    rows.map(({ subscription, body }) => `${subscription} ${JSON.parse(body).data.rule}`),
  ).toEqual(["mine dead-letters", "ops dead-letters", "ops wraparound"]);
  expect(JSON.parse(rows[0]!.body)).toMatchObject({
    type: "alert.firing",
    timestamp: a.at(1).toISOString(),
    data: {
      ...{ rule: "dead-letters", kind: "dead-letters", severity: "warning" },
      alerts: [{ subject: "works", about: "job", project: "default", value: 1, threshold: 0 }],
    },
  });
  await a.round(12);
  const after = await a.mill.rows(
    "select subscription from millrace.webhook_delivery where event = 'alert.resolved' order by 1",
  );
  expect(after).toEqual([{ subscription: "mine" }, { subscription: "ops" }]);
});

test("many alerts of a rule are one notification, what comes soon after is told together, and what lasts is told again", async () => {
  const { a, target, told, dies } = await started([]);
  await target("chat", { kind: "slack", credential: "https://hooks.example.com/x" });
  await dies("works", 0);
  await dies("other", 0);
  await a.round(1);
  expect(await told("chat")).toHaveLength(1);
  // It comes and goes each minute for a quarter of an hour.
  await a.rule("dead-letters", { windowMs: 60_000 });
  for (let minute = 2; minute < 17; minute++) {
    if (minute % 2 === 0) await dies("works", minute);
    await a.round(minute);
  }
  expect((await told("chat")).length, "once in five minutes").toBeLessThanOrEqual(4);

  await a.rule("wraparound", { threshold: 0 });
  await a.rounds(20, 20);
  const lasting = async () => (await told("chat")).filter((row) => row["rule"] === "wraparound");
  await a.round(20 + 239);
  expect(await lasting()).toHaveLength(1);
  await a.round(20 + 240);
  expect(await lasting()).toHaveLength(2);
  const [alert] = (await a.alerts()).filter(({ rule }) => rule === "wraparound");
  await acknowledge(a.mill.db, ADMIN, alert!.id, "on it");
  await a.round(20 + 480);
  expect(await lasting(), "somebody looks after it").toHaveLength(2);
  await a.rule("wraparound", { enabled: false });
  await a.round(20 + 490);
  expect((await lasting()).at(-1)).toMatchObject({ event: "alert.resolved" });
});

test("while a silence holds nobody is told, and after it what is so still, or is over since", async () => {
  const { a, target, told, dies } = await started([]);
  await target("chat", { kind: "slack", credential: "https://hooks.example.com/x" });
  const silence = { rule: "dead-letters", subject: "works", reason: "we know", project: undefined };
  const quiet = await silenceAlerts(a.mill.db, ADMIN, {
    ...{ ...silence, forMs: null, until: a.at(60) },
  });
  await a.rule("dead-letters", { windowMs: 30 * 60_000 });
  await dies("works", 0);
  await dies("other", 0);
  await a.round(1);
  const bodies = async () => (await told("chat")).map((row) => JSON.parse(row["body"] as string));
  expect(
    (await bodies()).map(({ firing }) => firing.map((one: { subject: string }) => one.subject)),
  ).toEqual([["other"]]);
  expect(await a.open(), "it is listed all the same").toHaveLength(2);
  await endSilence(a.mill.db, ADMIN, quiet.id);
  await a.round(10);
  expect((await bodies()).at(-1).firing).toHaveLength(2);
  await silenceAlerts(a.mill.db, ADMIN, { ...silence, forMs: null, until: a.at(60) });
  await a.round(40);
  expect((await bodies()).at(-1)).toMatchObject({ firing: [], resolved: [{ subject: "other" }] });
  await a.round(61);
  expect((await bodies()).at(-1)).toMatchObject({ firing: [], resolved: [{ subject: "works" }] });
});

test("a silence of one project silences no alert of another's", async () => {
  const { a, target, told, dies } = await started([]);
  await a.mill.db.query("insert into millrace.project (name, created_by) values ('crm', 'test')");
  await target("chat", { kind: "slack", credential: "https://hooks.example.com/x" });
  const silence = { rule: "dead-letters", subject: null, reason: null, forMs: null };
  await silenceAlerts(a.mill.db, ADMIN, { ...silence, until: a.at(60), project: "crm" });
  await dies("works", 0);
  await a.round(1);
  expect(await told("chat")).toHaveLength(1);
});

test("a target that is away is told later, of what is so by then", async () => {
  let away = true;
  const there = await receivingServer((response) => response.writeHead(away ? 503 : 200).end());
  const { a, target, startNotifier, told, untilTold, dies, hurry } = await started([there.host]);
  await target("chat", { kind: "slack", credential: there.url });
  await startNotifier();
  await dies("works", 0);
  await a.round(1);
  const failed = await until("it failed once", async () => {
    const [row] = await told("chat");
    return row?.status === 503 && row;
  });
  expect(failed).toMatchObject({
    outcome: null,
    attempts: 1,
    error: "it was answered 503, and not 2xx",
  });
  await a.round(12);
  expect((await told("chat"))[0]).toMatchObject({ outcome: "superseded" });
  away = false;
  await hurry();
  const rows = await untilTold("chat", 2);
  expect(rows[1]).toMatchObject({ outcome: "delivered", event: "alert.resolved" });
});

test("who dies between sending and noting sends once more, under the same id", async () => {
  const there = await receivingServer();
  const { a, target, startNotifier, told, untilTold, dies, hurry } = await started([there.host]);
  await target("chat", { kind: "slack", credential: there.url });
  await dies("works", 0);
  await a.round(1);
  onTestFinished(() => onFailpoint(undefined));
  let killed = 0;
  onFailpoint((point) => {
    if (point !== "notify.after_send" || killed > 0) return;
    killed++;
    throw new Error("killed");
  });
  await startNotifier();
  await until("it was sent, and not noted", () => there.received.length === 1 && killed === 1);
  expect((await told("chat"))[0]).toMatchObject({ outcome: null, attempts: 1 });
  await hurry();
  const [row] = await untilTold("chat", 1);
  expect(there.received.map(({ headers }) => headers["webhook-id"])).toEqual([row!.id, row!.id]);
});

test("two that take notifications at once take each but once", async () => {
  const { a, target, dies } = await started([]);
  for (const name of ["one", "two", "three"]) {
    await target(name, { kind: "slack", credential: "https://hooks.example.com/x" });
  }
  await dies("works", 0);
  await a.round(1);
  const taken = await Promise.all([1, 2].map(() => takeNotifications(a.mill.db, [], 10, 60_000)));
  expect(
    taken
      .flat()
      .map(({ target: name }) => name)
      .toSorted(),
  ).toEqual(["one", "three", "two"]);
});

test("S7: a target leads to no inner address, and neither does its name", async () => {
  const { a, target, keys } = await started([]);
  const mail = { kind: "email", from: "a@example.com", to: ["b@example.com"] } as const;
  for (const given of [
    { kind: "slack", credential: "https://127.0.0.1/x" },
    { kind: "slack", credential: "http://hooks.example.com/x" },
    { kind: "pagerduty", credential: canary(), url: "https://[::ffff:10.0.0.1]/" },
    { ...mail, server: "smtp://169.254.169.254" },
    { ...mail, server: "smtps://2130706433" },
  ] as const) {
    await expect(target("inner", given), JSON.stringify(given)).rejects.toMatchObject({
      code: "blocked_destination",
    });
  }
  await expect(
    target("wrong", { ...mail, server: "smtp://a:b@mail.example.com" }),
  ).rejects.toMatchObject({
    code: "invalid_request",
    pointer: "/server",
  });

  const guard = new OutboundGuard(new AllowedHosts([]), async () => [
    { address: "10.0.0.7", family: 4 },
  ]);
  await target("turned", { kind: "slack", credential: "https://inside.example.com/x" });
  await target("mail", { ...mail, server: "smtps://inside.example.com" });
  for (const name of ["turned", "mail"]) await testAlertTarget(a.mill.db, ADMIN, name);
  const notifier = new AlertNotifier({
    db: a.mill.db,
    logger: a.mill.logger,
    keys,
    guard,
    userAgent: "x",
  });
  onTestFinished(() => notifier.stop());
  await notifier.start();
  const rows = await until("both have failed", async () => {
    const tried = await a.mill.rows<Told>(
      "select * from millrace.alert_notification where attempts > 0 and error is not null",
    );
    return tried.length === 2 && tried;
  });
  for (const row of rows) expect(row.error).toContain("not public");
});

test("S11: a credential is in no log, error, row or answer, in no encoding, and cannot be led elsewhere", async () => {
  const there = await receivingServer((response, { path, body }) =>
    response.writeHead(500).end(`you sent ${path} ${body}`),
  );
  const box = await mailbox({ user: "mill", pass: "another password" });
  const { a, lines, target, startNotifier, told } = await started(["127.0.0.1"]);
  const [slack, pager, mail] = [canary(), canary(), canary()];
  await target("chat", { kind: "slack", credential: `${there.url}/${slack}` });
  await target("pager", { kind: "pagerduty", credential: pager, url: there.url });
  const server = `smtp://${box.host}`;
  await target("mail", {
    ...{ kind: "email", server, user: "mill", credential: mail },
    ...{ from: "mill@example.com", to: ["ops@example.com"] },
  });
  await startNotifier();
  for (const name of ["chat", "pager", "mail"]) await testAlertTarget(a.mill.db, ADMIN, name);
  for (const name of ["chat", "pager", "mail"]) {
    await until(`${name} has failed`, async () => (await told(name))[0]?.error !== null);
  }
  const tables = ["alert_target", "alert_notification", "audit", "secret"];
  const rows = await Promise.all(
    tables.map((table) =>
      a.mill.rows<{ text: string }>(`select to_jsonb(t)::text as text from millrace.${table} t`),
    ),
  );
  const said = [...rows.flat().map(({ text }) => text), ...lines].join("\n");
  expect(said).toContain("chat");
  for (const secret of [slack, pager, mail]) {
    const bytes = Buffer.from(secret);
    for (const form of [
      secret,
      bytes.toString("base64"),
      bytes.toString("base64url"),
      bytes.toString("hex"),
      encodeURIComponent(secret),
    ]) {
      expect(said.includes(form), form).toBe(false);
    }
  }
  await expect(target("mail", { server: "smtp://127.0.0.1:1" })).rejects.toMatchObject({
    code: "invalid_request",
    pointer: "/credential",
  });
  await expect(target("pager", { url: `http://${there.host}/elsewhere` })).rejects.toMatchObject({
    pointer: "/credential",
  });
});

test("S11: of an answer that is cut within a credential nothing of it is left, and none of its URL's parts is in an error", async () => {
  const [secret, key] = [canary(), canary()];
  let before = 0;
  const there = await receivingServer((response) => {
    // The cut is at every place of it in turn.
    response.writeHead(500).end("x".repeat(1024 - before) + secret + key);
  });
  const { a, target, startNotifier, told } = await started(["127.0.0.1"]);
  await target("chat", { kind: "slack", credential: `${there.url}/${secret}?key=${key}` });
  await startNotifier();
  for (before = 1; before < secret.length; before += 9) {
    const { id } = await testAlertTarget(a.mill.db, ADMIN, "chat");
    const row = await until("it has failed", async () =>
      (await told("chat")).find((one) => one.id === id && one.answer !== null),
    );
    expect(row.answer).not.toContain("ca");
    await a.mill.db.query(
      "update millrace.alert_notification set due_at = null, id = gen_random_uuid()",
    );
  }
  for (const refused of [`ftp://127.0.0.1/${secret}`, `http://user:${key}@127.0.0.1/${secret}`]) {
    await expect(target("chat", { credential: refused })).rejects.toMatchObject({
      code: "blocked_destination",
      message: expect.not.stringContaining("canary"),
    });
  }
  await target("chat", { credential: `http://127.0.0.1:1/${secret}?key=${key}` });
  const { id } = await testAlertTarget(a.mill.db, ADMIN, "chat");
  const row = await until("nothing answers", async () =>
    (await told("chat")).find((one) => one.id === id && one.error !== null),
  );
  expect(row.error).not.toContain("canary");
});

test("a target is tested five times a minute at the most, and those of a project twenty times", async () => {
  const { a, target } = await started(["127.0.0.1"]);
  for (let n = 0; n < 5; n++) {
    await target(`chat-${n}`, { kind: "slack", credential: "http://127.0.0.1/hook" });
  }
  const test = (name: string) =>
    testAlertTarget(a.mill.db, ADMIN, name).then(
      () => "sent",
      ({ code }: { code: string }) => code,
    );
  const first = await Promise.all(Array.from({ length: 8 }, () => test("chat-0")));
  expect(first.filter((code) => code === "sent")).toHaveLength(5);
  expect(first.filter((code) => code === "rate_limited")).toHaveLength(3);
  for (const name of ["chat-1", "chat-2", "chat-3"]) {
    for (let n = 0; n < 5; n++) expect(await test(name)).toBe("sent");
  }
  expect(await test("chat-4")).toBe("rate_limited");
  await a.mill.db.query("delete from millrace.alert_notification where target = 'chat-0'");
  expect(await test("chat-4")).toBe("sent");
});

test("credentials go under a new key with all secrets, and open as before", async () => {
  const there = await receivingServer();
  const { a, text, target, untilTold, guard } = await started([there.host]);
  await target("chat", { kind: "slack", credential: there.url });
  const next = secretKeys([newKey(), text]);
  const rotated = await rotateSecrets(a.mill.db, ADMIN, next);
  expect(rotated).toMatchObject({ rewrapped: 1, unopened: [] });
  const notifier = new AlertNotifier({
    db: a.mill.db,
    logger: a.mill.logger,
    keys: next,
    guard,
    userAgent: "x",
  });
  onTestFinished(() => notifier.stop());
  await notifier.start();
  await testAlertTarget(a.mill.db, ADMIN, "chat");
  expect(await untilTold("chat", 1)).toMatchObject([{ outcome: "delivered" }]);
});
