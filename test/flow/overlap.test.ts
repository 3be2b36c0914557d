import type { FlowOptions } from "@millrace/core";
import { defineJob } from "@millrace/sdk";
import { keepGate } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { all, claimer } from "./desk.ts";

/**
 * One claim is held up in the middle, by a lock on a parcel of its first lane, after it has seen which lanes are open;
 * meanwhile another takes what it can of the same limit. What the first then counts must have the second in it.
 */
test.each<[what: string, flow: FlowOptions<"tenant">, started: number]>([
  ["a limit by key", { concurrency: { key: "tenant", limit: 1 } }, 2],
  ["a limit of a job", { concurrency: { limit: 1 }, fairBy: "tenant" }, 1],
  ["a rate of a job", { rateLimit: { limit: 1, per: "1h" }, fairBy: "tenant" }, 1],
])(
  "%s: two claims at once, one of them held up, do not count the same room",
  async (_what, flow, started) => {
    const mill = await Mill.create(
      defineJob({
        name: "sync",
        input: z.object({ tenant: z.string() }),
        ...flow,
        run: () => null,
      }),
      defineJob({ name: "x", queue: "urgent", run: () => null }),
    );
    await mill.enqueue("sync", { tenant: "first" });
    await keepGate(mill.db);
    await mill.enqueue("sync", { tenant: "both" });
    await keepGate(mill.db);
    const both = { job: "sync", input: { tenant: "both" }, trigger: "api" } as const;
    await mill.intake.accept({ ...both, queue: "urgent" });
    await keepGate(mill.db);

    const [slow, quick] = [await claimer(mill), await claimer(mill, ["urgent"])];
    const blocker = await mill.connection();
    await blocker.query("begin");
    await blocker.query("select from millrace.gate where key = 'first' for update");
    const waiting = () =>
      mill.rows(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query like '%claim_gated%'`,
      );
    const slowly = all(slow.claims);
    await until("the claim is held up", async () => (await waiting()).length === 1);
    let answered = false;
    const quickly = all(quick.claims).finally(() => (answered = true));
    await until("the other has its answer, or waits", async () => {
      return answered || (await waiting()).length === 2;
    });
    await blocker.query("rollback");
    expect([...(await slowly), ...(await quickly)]).toHaveLength(started);
  },
);
