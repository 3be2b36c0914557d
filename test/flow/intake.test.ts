import { defineJob } from "@millrace/sdk";
import { dispatch, keepGate } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Mill } from "../support/mill.ts";
import { all, claimer } from "./desk.ts";

const Doc = z.object({ doc: z.string(), text: z.string() });

const index = defineJob({
  name: "index",
  input: Doc,
  debounce: { key: "doc", wait: "10s", maxWait: "1m" },
  run: () => null,
});

function accept(mill: Mill, job: string, input: unknown, extra: object = {}) {
  return mill.intake.accept({ job, input, trigger: "api", ...extra });
}

async function due(mill: Mill): Promise<number> {
  await mill.db.query("update millrace.timer set due_at = now()");
  return (await dispatch(mill.db)).runs;
}

describe("debounced calls", () => {
  test("of a key become one run with the input of the last", async () => {
    const mill = await Mill.create(index);
    const first = await accept(mill, "index", { doc: "a", text: "1" });
    const other = await accept(mill, "index", { doc: "b", text: "1" });
    const again = await accept(mill, "index", { doc: "a", text: "2" });
    expect(again).toMatchObject({ id: first.id, created: false });
    expect(other.id).not.toBe(first.id);
    expect(await due(mill)).toBe(2);
    const runs = await all((await claimer(mill)).claims);
    expect(runs.find((run) => run.id === first.id)?.input).toEqual({ doc: "a", text: "2" });
    const next = await accept(mill, "index", { doc: "a", text: "3" });
    expect(next.created).toBe(true);
  });

  test("by SQL put no input in the place of another that no worker could read", async () => {
    const mill = await Mill.create(index);
    const ask = (text: string) =>
      mill.db.query(
        "select millrace.enqueue('index', jsonb_build_object('doc', 'a', 'text', $1::text))",
        [text],
      );
    await ask("1");
    await expect(ask("x".repeat(300_000))).rejects.toMatchObject({ code: "ML022" });
    await expect(
      mill.db.query(`select millrace.enqueue('index', '{"doc":"a","text":1e400}')`),
    ).rejects.toMatchObject({ code: "ML022" });
    expect(await mill.rows("select input ->> 'text' as text from millrace.run")).toEqual([
      { text: "1" },
    ]);
  });

  test("do not put the start off for longer than maxWait", async () => {
    const mill = await Mill.create(index);
    const first = await accept(mill, "index", { doc: "a", text: "1" });
    await mill.db.query("update millrace.collapse set first_at = now() - interval '55 seconds'");
    const again = await accept(mill, "index", { doc: "a", text: "2" });
    expect(again.id).toBe(first.id);
    expect(again.dueAt!.getTime() - Date.now()).toBeLessThan(6000);
  });

  test("at the same time, in one batch and in several, become one run", async () => {
    const mill = await Mill.create(index);
    const inputs = Array.from({ length: 30 }, (_, n) => ({
      job: "index",
      input: { doc: `d${n % 3}`, text: `${n}` },
      trigger: "api" as const,
    }));
    const results = (
      await Promise.all([
        mill.intake.acceptMany(inputs),
        mill.intake.acceptMany(inputs.toReversed()),
      ])
    ).flat();
    const ids = new Set(results.map((result) => ("run" in result ? result.run.id : "refused")));
    expect(ids.size).toBe(3);
    expect(results.filter((result) => "run" in result && result.run.created)).toHaveLength(3);
  });

  test("cannot be delayed besides", async () => {
    const mill = await Mill.create(index);
    await expect(accept(mill, "index", { doc: "a", text: "1" }, { delayMs: 5 })).rejects.toThrow(
      "debounced",
    );
  });
});

describe("throttled calls", () => {
  test("of a key within the time are answered with the first run", async () => {
    const mill = await Mill.create(
      defineJob({ name: "mail", input: Doc, throttle: { key: "doc", per: "1h" }, run: () => null }),
    );
    const first = await accept(mill, "mail", { doc: "a", text: "1" });
    const again = await accept(mill, "mail", { doc: "a", text: "2" }, { idempotencyKey: "k" });
    expect(again).toMatchObject({ id: first.id, created: false });
    expect(
      await accept(mill, "mail", { doc: "a", text: "2" }, { idempotencyKey: "k" }),
    ).toMatchObject({ id: first.id });
    await mill.db.query("update millrace.collapse set until = now()");
    expect((await accept(mill, "mail", { doc: "a", text: "3" })).created).toBe(true);
  });
});

describe("a time to live", () => {
  test("cancels a run that has not started by then, wherever it stands", async () => {
    const mill = await Mill.create(
      defineJob({ name: "news", ttl: "1m", run: () => null }),
      defineJob({ name: "tips", ttl: "1m", concurrency: { limit: 1 }, run: () => null }),
    );
    const ids = [
      await mill.enqueue("news"),
      await mill.enqueue("tips"),
      await mill.enqueue("tips"),
    ];
    const later = await accept(mill, "news", {}, { delayMs: 3_600_000 });
    const fresh = await mill.enqueue("news");
    const { claims } = await claimer(mill, ["default"], ["tips"]);
    const running = await claims.claim(1);
    const late = [...ids.filter((id) => !running.some((run) => run.id === id)), later.id];
    await mill.db.query(
      "update millrace.run set expires_at = now() - interval '1 minute' where id <> $1",
      [fresh],
    );
    await mill.db.query(
      "update millrace.expiry set expires_at = now() - interval '1 minute' where run_id <> $1",
      [fresh],
    );
    expect(await keepGate(mill.db)).toMatchObject({ expired: late.length });
    for (const id of late) expect(await mill.state(id)).toBe("cancelled");
    expect(running).toHaveLength(1);
    expect(await mill.state(running[0]!.id)).toBe("running");
    const left = await all((await claimer(mill)).claims);
    expect(left.map((run) => run.id)).toEqual([fresh]);
    expect(
      await mill.rows("select count(*)::int as n from millrace.event where event = 'expired'"),
    ).toEqual([{ n: late.length }]);
  });

  test("is looked at by the claim itself: what is late does not start", async () => {
    const mill = await Mill.create(defineJob({ name: "news", ttl: "1m", run: () => null }));
    const id = await mill.enqueue("news");
    await mill.db.query("update millrace.run set expires_at = now()");
    await mill.db.query("update millrace.expiry set expires_at = now() - interval '1 minute'");
    expect(await all((await claimer(mill)).claims)).toEqual([]);
    await keepGate(mill.db);
    expect(await mill.state(id)).toBe("cancelled");
  });
});

test("runs of a queue start by their deadlines, and runs of equal deadlines as they came", async () => {
  const mill = await Mill.create(
    defineJob({ name: "slow", run: () => null }),
    defineJob({ name: "quick", startWithin: "5s", run: () => null }),
  );
  const slow = [await mill.enqueue("slow"), await mill.enqueue("slow")];
  const quick = [await mill.enqueue("quick"), await mill.enqueue("quick")];
  const { claims } = await claimer(mill);
  expect((await all(claims)).map((run) => run.id)).toEqual([...quick, ...slow]);
});
