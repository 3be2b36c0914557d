import { createHmac } from "node:crypto";
import { NonRetryableError, defineJob } from "@millrace/sdk";
import { AllowedHosts, OutboundGuard, WebhookPruner, WebhookSender } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import {
  type GivenSubscription,
  redeliver,
  removeSubscription,
  rotateSubscription,
  setSubscription,
  testSubscription,
} from "../../packages/server/src/engine/webhooks/subscriptions.ts";
import { takeDeliveries } from "../../packages/server/src/store/webhook-deliveries.ts";
import type { Failpoint } from "../../packages/server/src/runtime/failpoints.ts";
import { Mill } from "../support/mill.ts";
import { type ReceivingServer, receivingServer } from "../support/receiving-server.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { ADMIN } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const works = defineJob({ name: "works", run: () => "done" });
const breaks = defineJob({
  name: "breaks",
  run: () => {
    throw new NonRetryableError("the shop is closed");
  },
});
const waits = defineJob({ name: "waits", run: () => null });

/** Of what is tested, which is the built code. */
const { onFailpoint } = (await import(
  new URL("../../packages/server/dist/runtime/failpoints.js", import.meta.url).href
)) as { onFailpoint(hook: ((point: Failpoint) => void) | undefined): void };

const SOURCES = {
  env: { resolve: () => Promise.reject(new Error("none")) },
  file: { resolve: () => Promise.reject(new Error("none")) },
};

interface Delivery extends Record<string, unknown> {
  id: string;
  event: string;
  outcome: string | null;
  attempts: number;
  status: number | null;
  error: string | null;
  answer: string | null;
  body: string;
  run_id: string | null;
  due_in: number | null;
}

async function started(allowed: string[]) {
  const mill = await Mill.create(works, breaks, waits);
  const keys = secretKeys();
  const guard = new OutboundGuard(new AllowedHosts(allowed));
  const subscribe = (name: string, given: Partial<GivenSubscription>) =>
    setSubscription(mill.db, ADMIN, { keys, guard }, name, {
      url: undefined,
      events: undefined,
      job: undefined,
      enabled: undefined,
      ...given,
    });
  const startSender = async (takenForMs = 60_000) => {
    const sender = new WebhookSender({
      db: mill.db,
      logger: mill.logger,
      origins: { keys, sources: SOURCES },
      guard,
      userAgent: "Millrace/test",
      takenForMs,
    });
    onTestFinished(() => sender.stop());
    await sender.start();
    return sender;
  };
  const deliveries = (subscription = "ops") =>
    mill.rows<Delivery>(
      `select id, event, outcome, attempts, status, error, answer, body, run_id,
         extract(epoch from due_at - clock_timestamp())::float8 as due_in
       from millrace.webhook_delivery where subscription = $1 order by id`,
      [subscription],
    );
  const untilAll = (outcome: string, count: number) =>
    until(`${count} are ${outcome}`, async () => {
      const rows = await deliveries();
      return rows.length === count && rows.every((row) => row.outcome === outcome) && rows;
    });
  /** As when the time until the next attempt is over. */
  const hurry = () =>
    mill.db.query("update millrace.webhook_delivery set due_at = now() where due_at is not null");
  return { mill, keys, guard, subscribe, startSender, deliveries, untilAll, hurry };
}

/** As the specification says it: https://www.standardwebhooks.com */
function signatureOf(
  { headers, body }: ReceivingServer["received"][number],
  secret: string,
): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const content = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
  return `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
}

function isSigned(received: ReceivingServer["received"][number], secret: string): boolean {
  const { headers } = received;
  const age = Date.now() / 1000 - Number(headers["webhook-timestamp"]);
  return headers["webhook-signature"] === signatureOf(received, secret) && age >= -1 && age < 60;
}

test("S14: the end of a run is told once, signed under the secret that was shown once", async () => {
  const there = await receivingServer();
  const { mill, subscribe, startSender, untilAll } = await started([there.host]);
  const events = ["run.completed", "run.failed", "run.cancelled", "run.dead_lettered"] as const;
  const { secret } = await subscribe("ops", { url: there.url, events });
  expect((await subscribe("ops", { job: null })).secret).toBe(undefined);
  await subscribe("other", { url: there.url, events: ["run.failed"], job: "works" });

  const done = await mill.enqueue("works");
  const failed = await mill.enqueue("breaks");
  await mill.startWorker();
  await mill.untilState(done, "completed");
  await mill.untilState(failed, "failed");
  await startSender();
  const rows = await untilAll("delivered", 3);

  expect(there.received).toHaveLength(3);
  expect(new Set(there.received.map(({ headers }) => headers["webhook-id"]))).toEqual(
    new Set(rows.map(({ id }) => id)),
  );
  for (const request of there.received) {
    expect(isSigned(request, secret!)).toBe(true);
    expect(request.headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "Millrace/test",
    });
  }
  const told = there.received
    .map(({ body }) => JSON.parse(body))
    .toSorted((a, b) => a.type.localeCompare(b.type));
  expect(told).toMatchObject([
    {
      type: "run.completed",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      data: { runId: done, job: "works", state: "completed", attempts: 1, error: null },
    },
    ...["run.dead_lettered", "run.failed"].map((type) => ({
      type,
      data: {
        ...{ runId: failed, job: "breaks", state: "failed", queue: "default", trigger: "api" },
        error: { class: "NonRetryableError", message: "the shop is closed" },
      },
    })),
  ]);
});

test("S14: while the secret of a subscription changes, deliveries are signed under both, and then under the new one alone", async () => {
  const there = await receivingServer();
  const { mill, keys, subscribe, startSender, untilAll } = await started([there.host]);
  const { secret: first } = await subscribe("ops", { url: there.url, events: ["run.failed"] });
  const rotate = (overlapMs: number) =>
    rotateSubscription(mill.db, ADMIN, keys, "ops", overlapMs).then(({ secret }) => secret);
  const second = await rotate(60_000);
  await startSender();
  const sent = async (count: number) => {
    await testSubscription(mill.db, ADMIN, "ops");
    await untilAll("delivered", count);
    return there.received.at(-1)!;
  };
  const both = await sent(1);
  expect(both.headers["webhook-signature"]).toBe(
    `${signatureOf(both, second)} ${signatureOf(both, first!)}`,
  );

  await mill.db.query(
    `update millrace.webhook_subscription
     set older_secrets = jsonb_set(older_secrets, '{0,until}', to_jsonb(clock_timestamp()))`,
  );
  expect(isSigned(await sent(2), second), "the overlap is over").toBe(true);

  const third = await rotate(0);
  expect(isSigned(await sent(3), third), "without an overlap").toBe(true);
  const names = () => mill.rows<{ name: string }>("select name from millrace.secret");
  expect(await names(), "what signs no more is gone").toHaveLength(1);

  for (let n = 0; n < 3; n++) await rotate(60_000);
  await expect(rotate(60_000)).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("3 secrets of before already"),
  });
  await removeSubscription(mill.db, ADMIN, "ops");
  expect(await names()).toEqual([]);
});

test("S14: what is answered with 500 is sent again, the same bytes under the same id and another signature", async () => {
  let tries = 0;
  const there = await receivingServer((response) => {
    tries++;
    if (tries < 3) response.writeHead(500).end(`try ${tries}\0${"x".repeat(2000)}`);
    else response.writeHead(202).end("thanks");
  });
  const { mill, subscribe, startSender, deliveries, untilAll, hurry } = await started([there.host]);
  const { secret } = await subscribe("ops", { url: there.url, events: ["run.completed"] });
  const run = await mill.enqueue("works");
  const worker = await mill.startWorker();
  await mill.untilState(run, "completed");
  await worker.stop();
  const sender = await startSender();

  const failed = await until("it failed once", async () => {
    const [row] = await deliveries();
    return row?.status === 500 && row;
  });
  expect(failed).toMatchObject({
    outcome: null,
    attempts: 1,
    error: "it was answered 500, and not 2xx",
  });
  expect(failed.answer).toBe(`try 1\uFFFD${"x".repeat(1024 - 6)}`);
  expect(failed.due_in).toBeGreaterThan(3);
  expect(failed.due_in).toBeLessThan(6);
  await hurry();
  sender.wake();
  await until("it failed again", async () => (await deliveries())[0]!.answer?.startsWith("try 2"));
  await hurry();
  sender.wake();
  const [row] = await untilAll("delivered", 1);
  expect(row).toMatchObject({ attempts: 3, status: 202, error: null, answer: null });
  expect(new Set(there.received.map(({ headers }) => headers["webhook-id"]))).toEqual(
    new Set([row!.id]),
  );
  expect(new Set(there.received.map(({ body }) => body)).size).toBe(1);
  for (const request of there.received) expect(isSigned(request, secret!)).toBe(true);
});

test("S14: after eleven attempts, over a day, it is given up on record, and can be sent again by hand", async () => {
  let broken = true;
  const there = await receivingServer((response) =>
    response.writeHead(broken ? 302 : 200, { location: "/" }).end(),
  );
  const { mill, subscribe, startSender, deliveries, untilAll } = await started([there.host]);
  await subscribe("ops", { url: there.url, events: ["run.completed"] });
  const { id } = await testSubscription(mill.db, ADMIN, "ops");
  const sender = await startSender();
  await until("the first attempt is over", async () => (await deliveries())[0]?.status === 302);
  const after = async (attempts: number) => {
    await mill.db.query(
      "update millrace.webhook_delivery set attempts = $1, due_at = now(), status = null, outcome = null",
      [attempts],
    );
    sender.wake();
    return until(`attempt ${attempts + 1} is over`, async () => {
      const [row] = await deliveries();
      return row?.status === 302 && row;
    });
  };
  let seconds = 0;
  for (let attempt = 0; attempt < 10; attempt++) {
    const { outcome, due_in } = await after(attempt);
    expect(outcome).toBe(null);
    seconds += due_in!;
  }
  expect(seconds / 3600).toBeGreaterThan(20);
  expect(seconds / 3600).toBeLessThan(27);
  expect(await after(10)).toMatchObject({ outcome: "given up", due_in: null });

  broken = false;
  await redeliver(mill.db, ADMIN, id);
  sender.wake();
  const [row] = await untilAll("delivered", 1);
  expect(row).toMatchObject({ id, attempts: 1 });
  expect(there.received.every(({ path }) => path === "/hook")).toBe(true);
});

test("S14: an answer of 410 switches the subscription off, and drops what waits", async () => {
  const there = await receivingServer((response) => response.writeHead(410).end());
  const { mill, subscribe, startSender, deliveries } = await started([there.host]);
  await subscribe("ops", { url: there.url, events: ["run.completed"] });
  const first = await testSubscription(mill.db, ADMIN, "ops");
  const later = await testSubscription(mill.db, ADMIN, "ops");
  await mill.db.query(
    "update millrace.webhook_delivery set due_at = now() + interval '1 hour' where id = $1",
    [later.id],
  );
  await startSender();
  const rows = await until("both have ended", async () => {
    const rows = await deliveries();
    return rows.every(({ outcome }) => outcome !== null) && rows;
  });
  expect(rows.find(({ id }) => id === first.id)).toMatchObject({
    outcome: "given up",
    status: 410,
  });
  expect(rows.find(({ id }) => id === later.id)).toMatchObject({ outcome: "dropped", attempts: 0 });
  const [subscription] = await mill.rows(
    "select enabled, disabled_reason from millrace.webhook_subscription",
  );
  expect(subscription).toEqual({
    enabled: false,
    disabled_reason: "the other side answered 410: it wants no more of them",
  });

  await mill.enqueue("works");
  await mill.startWorker();
  await until("the run has ended", async () => {
    const [row] = await mill.rows(
      "select count(*)::int as n from millrace.run where state is not null",
    );
    return row!["n"] === 1;
  });
  expect(await deliveries()).toHaveLength(2);
  await expect(testSubscription(mill.db, ADMIN, "ops")).rejects.toThrow("answered 410");
  // Whoever switches it on again says that it is well.
  const { row } = await subscribe("ops", { enabled: true });
  expect([row.enabled, row.disabled_reason]).toEqual([true, null]);
});

test("S14: whoever dies between sending and recording leaves it to another, who sends it under the same id", async () => {
  const there = await receivingServer();
  const { mill, subscribe, startSender, deliveries, hurry, untilAll } = await started([there.host]);
  await subscribe("ops", { url: there.url, events: ["run.completed"] });
  await testSubscription(mill.db, ADMIN, "ops");
  onTestFinished(() => onFailpoint(undefined));
  let deaths = 0;
  onFailpoint((point) => {
    if (point !== "deliver.after_send" || deaths > 0) return;
    deaths++;
    throw new Error("the process is gone");
  });
  // It does not come to it again by itself.
  const first = await startSender(60_000);
  await until("it was sent, and not recorded", async () => deaths === 1);
  await first.stop();
  expect(await deliveries()).toMatchObject([{ outcome: null, attempts: 1, status: null }]);
  await hurry();
  await startSender();
  const [row] = await untilAll("delivered", 1);
  expect(there.received.map(({ headers }) => headers["webhook-id"])).toEqual([row!.id, row!.id]);
  expect(row!.attempts).toBe(2);
});

test("S14: several senders send each delivery once", async () => {
  const there = await receivingServer();
  const { mill, subscribe, startSender, untilAll } = await started([there.host]);
  await subscribe("ops", { url: there.url, events: ["run.completed"] });
  await mill.db.query(
    `insert into millrace.webhook_delivery (id, subscription, event, body)
     select millrace.new_uuid(), 'ops', 'x', '{}' from generate_series(1, 60)`,
  );
  // One has taken them, and its transaction is not over: another neither takes nor waits for them.
  const [one, other] = [await mill.connection(), await mill.connection()];
  await one.query("begin");
  expect(await takeDeliveries(one, [], 60, 60_000)).toHaveLength(60);
  await other.query("set lock_timeout = '2s'");
  expect(await takeDeliveries(other, [], 60, 60_000)).toEqual([]);
  await one.query("rollback");

  await Promise.all([startSender(), startSender(), startSender()]);
  await untilAll("delivered", 60);
  expect(new Set(there.received.map(({ headers }) => headers["webhook-id"])).size).toBe(60);
  expect(there.received).toHaveLength(60);
});

test("S7: a subscription is refused an inner address when it is made, and when its name leads to one", async () => {
  const there = await receivingServer();
  const { mill, subscribe, startSender, deliveries } = await started([]);
  const events = ["run.completed"] as const;
  for (const url of [
    there.url,
    "https://127.0.0.1/",
    "http://example.com/",
    "https://a:b@c.example/",
  ]) {
    await expect(subscribe("ops", { url, events })).rejects.toMatchObject({
      ...{ code: "blocked_destination", pointer: "/url" },
    });
  }
  const port = there.host.split(":")[1];
  await subscribe("ops", { url: `https://localhost:${port}/`, events });
  await testSubscription(mill.db, ADMIN, "ops");
  await startSender();
  const row = await until("it was tried", async () => {
    const [row] = await deliveries();
    return row?.error != null && row;
  });
  expect(row).toMatchObject({ outcome: null, status: null });
  expect(row.error).toContain("MILLRACE_ALLOWED_HOSTS");
  expect(there.connections).toBe(0);
});

test("a run that ends in a transaction which is taken back is told to nobody, and one that a person cancels is", async () => {
  const there = await receivingServer();
  const { mill, subscribe, deliveries } = await started([there.host]);
  await subscribe("ops", { url: there.url, events: ["run.cancelled"], job: "waits" });
  const run = await mill.enqueue("waits");
  const client = await mill.connection();
  const end = "update millrace.run set state = 'cancelled', finished_at = now() where id = $1";
  await client.query("begin");
  await client.query(end, [run]);
  await client.query("rollback");
  expect(await deliveries()).toEqual([]);
  await mill.db.query(end, [run]);
  expect(await deliveries()).toMatchObject([
    { event: "run.cancelled", run_id: run, outcome: null },
  ]);
});

test("what is told to nobody costs nothing: no trigger fires, and whether there is a subscription is asked once a statement", async () => {
  const there = await receivingServer();
  const { mill, subscribe, deliveries } = await started([there.host]);
  const endMany = async () => {
    const client = await mill.connection();
    await client.query("begin");
    await client.query("set local track_functions = 'pl'");
    await client.query(
      `select millrace.enqueue_many(jsonb_agg(jsonb_build_object('job', 'works'))) from generate_series(1, 500)`,
    );
    const { rows } = await client.query<{ "QUERY PLAN": [{ Triggers: object[] }] }>(
      `explain (analyze, format json) update millrace.run
       set state = 'completed', finished_at = now() where state is null`,
    );
    const { rows: calls } = await client.query<{ name: string; calls: number }>(
      `select funcname as name, calls::int from pg_stat_xact_user_functions
       where funcname in ('is_any_subscribed', 'note_end')`,
    );
    await client.query("commit");
    return {
      triggers: rows[0]!["QUERY PLAN"][0].Triggers,
      calls: Object.fromEntries(calls.map(({ name, calls }) => [name, calls])),
    };
  };
  const without = await endMany();
  expect(without.triggers).toEqual([]);
  expect(without.calls).toEqual({ is_any_subscribed: 1 });

  await subscribe("ops", { url: there.url, events: ["run.completed"] });
  const withOne = await endMany();
  expect(withOne.triggers).toMatchObject([{ Calls: 500 }]);
  expect(withOne.calls).toEqual({ is_any_subscribed: 1, note_end: 500 });
  expect(await deliveries()).toHaveLength(500);
});

test("a subscription goes with its secret and its log, which nobody else could be given", async () => {
  const { mill, subscribe, deliveries } = await started([]);
  await subscribe("ops/alerts", { url: "https://example.com", events: ["run.failed"] });
  await testSubscription(mill.db, ADMIN, "ops/alerts");
  const [secret] = await mill.rows("select name, jobs from millrace.secret");
  expect(secret).toMatchObject({
    name: expect.stringMatching(/^WEBHOOK_OPS_ALERTS_[0-9A-F]{8}$/),
    jobs: ["_webhooks"],
  });
  await removeSubscription(mill.db, ADMIN, "ops/alerts");
  expect(await mill.rows("select name from millrace.secret")).toEqual([]);
  expect(await deliveries("ops/alerts")).toEqual([]);
});

test("the logs of webhooks are kept for as long as runs are", async () => {
  const { mill } = await started([]);
  await mill.db.query(
    `insert into millrace.webhook_delivery (id, subscription, event, body)
     select millrace.uuid_floor(now() - age * interval '1 hour'), 'ops', 'x', '{}' from generate_series(1, 4) age`,
  );
  await mill.db.query(
    `insert into millrace.webhook_receipt (id, endpoint, outcome, bytes)
     select millrace.uuid_floor(now() - age * interval '1 hour'), 'shop', 'unsigned', 1 from generate_series(1, 4) age`,
  );
  const pruner = new WebhookPruner({ db: mill.db, logger: mill.logger, retentionMs: 9_000_000 });
  onTestFinished(() => pruner.stop());
  await pruner.start();
  await until("two of each are left", async () => {
    const [row] = await mill.rows(
      `select (select count(*) from millrace.webhook_delivery) = 2 and (select count(*) from millrace.webhook_receipt) = 2 as left`,
    );
    return row!["left"] === true;
  });
});
