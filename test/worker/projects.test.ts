import { type AnyJob, defineEvent, defineJob } from "@millrace/sdk";
import { emitIn } from "@millrace/sdk/sql";
import { JobRegistry } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Emitter } from "../../packages/server/src/engine/emitter.ts";
import { addProject, moveToProject } from "../../packages/server/src/engine/projects.ts";
import { setSecret } from "../../packages/server/src/engine/secrets.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { leasesOn } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const go = defineEvent({ name: "go" });

const paid = defineEvent({ name: "order.paid", payload: z.object({ of: z.string() }) });

/** A mill with workers of two projects besides its own. */
async function millWith(crm: AnyJob[], shop: AnyJob[], own: AnyJob[] = []): Promise<Mill> {
  const mill = await Mill.create(...own);
  for (const [name, jobs] of [["crm", crm] as const, ["shop", shop] as const]) {
    await addProject(mill.db, by("api"), name);
    const registry = new JobRegistry(jobs);
    await registry.register(mill.db, { project: name });
    await mill.startWorker({ registry });
  }
  await mill.startDispatcher();
  return mill;
}

const waiter = (name: string) =>
  defineJob({ name, run: async (_input, { step }) => (await step.waitFor(paid))?.of });

async function settled(mill: Mill, id: string) {
  const run = await until(`run ${id} has ended`, async () => {
    const seen = await mill.run(id);
    return ["completed", "failed"].includes(seen.state) && seen;
  });
  const [error] = await mill.rows<{ text: string }>(
    "select error_class || ': ' || error_message as text from millrace.attempt where run_id = $1 order by number desc limit 1",
    [id],
  );
  return { ...run, error: error?.text ?? null };
}

describe("S4: an event that is sent into a project", () => {
  const emitterOf = (mill: Mill) =>
    new Emitter(mill.db, (queue) => mill.bell.ring(queue), mill.logger);

  test("ends waits of its runs alone, and one that is sent into none those of all", async () => {
    const mill = await millWith([waiter("crm/wait")], [waiter("shop/wait")]);
    const emitter = emitterOf(mill);
    const crm = await mill.enqueue("crm/wait");
    const shop = await mill.enqueue("shop/wait");
    for (const id of [crm, shop]) await mill.untilState(id, "waiting");

    await emitter.emit({ name: "order.paid", payload: { of: "crm" }, project: "crm" });
    expect(await settled(mill, crm)).toMatchObject({ output: "crm" });
    const again = await mill.enqueue("crm/wait");
    await mill.untilState(again, "waiting");
    expect(await mill.state(shop)).toBe("waiting");

    await emitter.emit({ name: "order.paid", payload: { of: "all" } });
    expect(await settled(mill, again)).toMatchObject({ output: "all" });
    // Of what has come before, it looks at that of its own project, too.
    expect(await settled(mill, shop)).toMatchObject({ output: "all" });
  });

  test("is found by a run that waits for it later in that project, among thousands of others", async () => {
    const late = (name: string) =>
      defineJob({
        name,
        run: async (_input, { step }) => {
          await step.waitFor(go);
          const got = await step.waitFor(paid, { where: { of: "late" }, timeout: "200ms" });
          return got?.of ?? "none";
        },
      });
    const mill = await millWith([late("crm/late")], [late("shop/late")]);
    const crm = await mill.enqueue("crm/late");
    const shop = await mill.enqueue("shop/late");
    await mill.db.query(
      `insert into millrace.emission (id, name, payload, project)
       select millrace.new_uuid(), 'order.paid', '{"of": "late"}', 'default' from generate_series(1, 1500)`,
    );
    const emitter = emitterOf(mill);
    for (const id of [crm, shop]) await mill.untilState(id, "waiting");
    await emitter.emit({ name: "order.paid", payload: { of: "late" }, project: "crm" });
    await emitter.emit({ name: "go" });
    expect(await settled(mill, crm)).toMatchObject({ output: "late" });
    expect(await settled(mill, shop)).toMatchObject({ output: "none" });
  });

  test("has a key that is of its project, and a signal goes to no run of another", async () => {
    const mill = await millWith([waiter("crm/wait")], [waiter("shop/wait")]);
    const emitter = emitterOf(mill);
    const keyed = { name: "order.paid", idempotencyKey: "k" };
    const all = [
      await emitter.emit({ ...keyed, payload: { of: "crm" }, project: "crm" }),
      await emitter.emit({ ...keyed, payload: { of: "shop" }, project: "shop" }),
      await emitter.emit({ ...keyed, payload: { of: "all" } }),
      await emitter.emit({ ...keyed, payload: { of: "crm" }, project: "crm" }),
    ];
    expect(all.map(({ created }) => created)).toEqual([true, true, true, false]);
    expect(all[3]!.id).toBe(all[0]!.id);
    const client = await mill.connection();
    await client.query("begin");
    const options = { project: "crm", idempotencyKey: "k" };
    expect(await emitIn(client, paid, { of: "crm" }, options)).toEqual({
      ...{ id: all[0]!.id, created: false },
    });
    await client.query("commit");
    await expect(
      emitter.emit({ ...keyed, payload: { of: "else" }, project: "crm" }),
    ).rejects.toMatchObject({ code: "idempotency_key_reused" });
    const shop = await mill.enqueue("shop/wait");
    await mill.untilState(shop, "waiting");
    await expect(
      emitter.emit({ name: "order.paid", run: shop, project: "crm" }),
    ).rejects.toMatchObject({ code: "run_not_found" });
  });
});

describe("S4: a job of another project", () => {
  const target = defineJob({ name: "shop/target", input: z.json(), run: () => "called" });
  const sibling = defineJob({ name: "crm/sibling", input: z.json(), run: () => "called" });
  const retry = { maxAttempts: 1 };

  test("cannot be called or fanned out to, as if nobody had registered it; one of the same can", async () => {
    const call = (name: string, of: AnyJob) =>
      defineJob({ name, retry, run: (_input, { step }) => step.call(of as typeof target, {}) });
    const fan = (name: string, of: AnyJob) =>
      defineJob({
        name,
        retry,
        run: (_input, { step }) => step.fanOut(of as typeof target, [{}, {}]),
      });
    const absent = defineJob({ name: "no/such", input: z.json(), run: () => null });
    const mill = await millWith(
      [
        ...[sibling, call("crm/call", target), fan("crm/fan", target), call("crm/none", absent)],
        ...[call("crm/own", sibling), fan("crm/own-fan", sibling)],
      ],
      [target],
    );
    const end = async (job: string) => settled(mill, await mill.enqueue(job));
    expect(await end("crm/own")).toMatchObject({ state: "completed", output: "called" });
    expect(await end("crm/own-fan")).toMatchObject({ output: ["called", "called"] });
    const none = await end("crm/none");
    for (const job of ["crm/call", "crm/fan"]) {
      const { state, error } = await end(job);
      expect([state, error]).toEqual(["failed", none.error!.replace("no/such", "shop/target")]);
    }
    expect(await mill.rows("select from millrace.run where job = 'shop/target'")).toEqual([]);
  });

  test("takes no child into its queue", async () => {
    const into = defineJob({
      ...{ name: "crm/into", retry },
      run: (_input, { step }) => step.call(sibling, {}, { queue: "shop/own" }),
    });
    const mill = await millWith(
      [sibling, into],
      [defineJob({ name: "shop/own", queue: "shop/own", run: () => null })],
    );
    expect(await settled(mill, await mill.enqueue("crm/into"))).toMatchObject({
      state: "failed",
      error: expect.stringContaining("there is no queue shop/own"),
    });
  });

  test("does not hold up a call that was asked for before the job was moved", async () => {
    const slow = defineJob({
      ...{ name: "crm/slow", input: z.json() },
      run: async (_input, { step }) => (await step.waitFor(paid))?.of,
    });
    const caller = defineJob({
      name: "crm/caller",
      run: (_input, { step }) => step.call(slow, {}),
    });
    const mill = await millWith([slow, caller], []);
    const id = await mill.enqueue("crm/caller");
    await mill.untilState(id, "waiting");
    await moveToProject(mill.db, by("api"), "shop", { jobs: ["crm/slow"] });
    const [child] = await mill.rows<{ id: string }>("select run_id as id from millrace.child");
    await mill.untilState(child!.id, "waiting");
    const emitter = new Emitter(mill.db, (queue) => mill.bell.ring(queue), mill.logger);
    await emitter.emit({ name: "order.paid", payload: { of: "moved" }, project: "shop" });
    expect(await settled(mill, id)).toMatchObject({ output: "moved" });
  });
});

test("S4: a job gets no secret of another project, though all of that may have it", async () => {
  const keys = secretKeys();
  const leak = (name: string) =>
    defineJob({
      ...{ name, secrets: ["SHOP_TOKEN"] as const, retry: { maxAttempts: 1 } },
      run: () => "it has it",
    });
  const mill = await Mill.create();
  for (const name of ["crm", "shop"]) await addProject(mill.db, by("api"), name);
  for (const name of ["crm", "shop"]) {
    const registry = new JobRegistry([leak(`${name}/leak`)]);
    await registry.register(mill.db, { project: name });
    await mill.startWorker({ registry, secrets: leasesOn(mill.db, keys) });
  }
  await setSecret(mill.db, by("api"), keys, {
    ...{
      name: "SHOP_TOKEN",
      given: { value: "a-secret-of-the-shop" },
      jobs: "all",
      project: "shop",
    },
  });
  await mill.startDispatcher();
  expect(await settled(mill, await mill.enqueue("shop/leak"))).toMatchObject({
    output: "it has it",
  });
  const { state, error } = await settled(mill, await mill.enqueue("crm/leak"));
  expect(state).toBe("failed");
  expect(error).toContain("SHOP_TOKEN: it is not set");
});

test("S4: a subscription is told of the runs of its project alone", async () => {
  const mill = await millWith(
    [defineJob({ name: "crm/done", run: () => null })],
    [defineJob({ name: "shop/done", run: () => null })],
  );
  await mill.db.query(
    `insert into millrace.webhook_subscription (name, url, events, secret, enabled, created_by, changed_by, project)
     select name, 'https://example.com', '{run.completed}', 'NONE', true, 'test', 'test', name from millrace.project`,
  );
  for (const job of ["crm/done", "shop/done"]) await settled(mill, await mill.enqueue(job));
  expect(
    await mill.rows(
      "select subscription, body::jsonb -> 'data' ->> 'job' as job from millrace.webhook_delivery order by 1",
    ),
  ).toEqual([
    { subscription: "crm", job: "crm/done" },
    { subscription: "shop", job: "shop/done" },
  ]);
});
