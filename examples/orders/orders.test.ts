import { testKit } from "millrace/testing";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { orders, refundOrder } from "./job.ts";
import { type Services, startServices } from "./services.ts";

const SERVER = process.env.MILLRACE_TEST_PG_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";

let services: Services;

beforeAll(async () => {
  services = await startServices();
  process.env.ORDERS_SERVICES_URL = services.url;
});

afterAll(async () => {
  delete process.env.ORDERS_SERVICES_URL;
  await services.close();
});

beforeEach(() => services.reset());

async function kit() {
  const t = await testKit({ orders, refundOrder }, { databaseUrl: SERVER });
  onTestFinished(() => t[Symbol.asyncDispose]());
  return t;
}

const charged = { id: "ch_1", order: "1001", cents: 3890, state: "open" };

test("an order is charged and shipped", async () => {
  const t = await kit();
  expect(await t.run(orders, {})).toMatchObject({
    state: "completed",
    output: { order: "1001", cents: 3890, charge: "ch_1", tracking: "T1001" },
  });
  expect(services.books()).toEqual({ charges: [charged], refunds: [], parcels: ["1001"] });
});

test("whatever crashes, an order is charged exactly once, and shipped once", async () => {
  const t = await kit();
  const crashes = await t.crashAtEveryStep(
    orders,
    {},
    { reset: () => services.reset(), effects: () => services.books() },
  );
  expect(crashes).toBeGreaterThan(15);
  expect(services.books().charges).toEqual([charged]);
}, 60_000);

test("a charge whose answer is lost is found by its key, and not made again", async () => {
  const t = await kit();
  services.loseAnswer();
  expect(await t.run(orders, {})).toMatchObject({ state: "completed", attempts: 2 });
  expect(services.books().charges).toEqual([charged]);
});

test("a service that is too busy has not refused: it is asked again", async () => {
  const t = await kit();
  services.beBusy();
  expect(await t.run(orders, {})).toMatchObject({ state: "completed", attempts: 2 });
  expect(services.books().charges).toEqual([charged]);
});

test("where there is no such service nothing counts as done, and the order fails at once", async () => {
  process.env.ORDERS_SERVICES_URL = `${services.url}/elsewhere`;
  onTestFinished(() => void (process.env.ORDERS_SERVICES_URL = services.url));
  const t = await kit();
  const run = await t.run(orders, {});
  expect(run).toMatchObject({ state: "failed", error: { class: "Refused" } });
  expect(run.error?.message).toBe("POST /charges answered 404: Not Found");
  expect(run.steps.map(({ name }) => name)).toEqual(["order"]);
});

test("where the carrier does not go, the charge is let go of, whatever crashes", async () => {
  const t = await kit();
  const run = await t.run(orders, { order: "1004" });
  expect(run).toMatchObject({ state: "failed", error: { class: "Refused" } });
  expect(run.error?.message).toContain("no parcels to IS");
  await t.crashAtEveryStep(
    orders,
    { order: "1004" },
    { reset: () => services.reset(), effects: () => services.books() },
  );
  expect(services.books()).toEqual({
    charges: [{ id: "ch_1", order: "1004", cents: 5800, state: "void" }],
    refunds: [],
    parcels: [],
  });
}, 60_000);

test("a card that is declined fails the order at once, and nothing is shipped", async () => {
  const t = await kit();
  const run = await t.run(orders, { order: "1005" });
  expect(run).toMatchObject({ state: "failed", error: { class: "Refused" } });
  expect(run.error?.message).toContain("the card is declined");
  expect(services.books()).toEqual({ charges: [], refunds: [], parcels: [] });
});

test("money goes back only when a person has approved it, and then once, whatever crashes", async () => {
  const t = await kit();
  const asked = { order: "1001", reason: "a mug came broken" };
  await t.run(orders, {});
  const run = await t.run(refundOrder, asked);
  expect(run.waitsFor).toBe('approval "refund" (Refund 38.90 EUR to Inês Duarte for order 1001?)');
  await t.advance("13d");
  expect(services.books().refunds).toEqual([]);
  await t.approve(run.id, { by: "Ana" });
  expect((await t.find(run.id)).output).toMatchObject({ refunded: 3890 });
  await t.crashAtEveryStep(refundOrder, asked, {
    reset: () => {
      services.reset();
      return t.run(orders, {});
    },
    effects: () => services.books().refunds,
    drive: ({ id }) => t.approve(id),
  });
  expect(services.books().refunds).toHaveLength(1);
}, 60_000);

test("what was given back is not given back again, whoever approves it", async () => {
  const t = await kit();
  await t.run(orders, {});
  const asked = { order: "1001", reason: "a mug came broken" };
  const both = [await t.run(refundOrder, asked), await t.run(refundOrder, asked)];
  for (const { id } of both) await t.approve(id);
  expect((await t.find(both[1]!.id)).error?.message).toContain("nothing to give back");
  expect(services.books().refunds).toHaveLength(1);
});

test("a refund that is rejected, or that nobody answers in two weeks, is not made", async () => {
  const t = await kit();
  const rejected = await t.run(refundOrder, { order: "1001", reason: "too blue" });
  await t.reject(rejected.id, { note: "it was used" });
  expect((await t.find(rejected.id)).output).toMatchObject({ refunded: 0, note: "it was used" });
  const late = await t.run(refundOrder, { order: "1002", reason: "too late" });
  await t.advance("14d");
  expect((await t.find(late.id)).output).toMatchObject({ refunded: 0, note: null });
  expect(services.books().refunds).toEqual([]);
});
