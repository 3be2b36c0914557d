import {
  type Context,
  type EffectContext,
  type EffectOptions,
  type Step,
  defineJob,
} from "@millrace/sdk";
import { cancel } from "millrace";
import { describe, expect, test } from "vitest";
import { resolveDoubt } from "../../packages/server/src/engine/resolve-doubt.ts";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { by } from "../support/caller.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

function workflow(run: (ctx: Context) => unknown, maxAttempts = 5) {
  return defineJob({
    name: "workflow",
    retry: { ...soon, maxAttempts },
    run: (_input, ctx) => run(ctx),
  });
}

async function started(run: (ctx: Context, mill: Mill) => unknown, maxAttempts?: number) {
  const mill: Mill = await Mill.create(workflow((ctx) => run(ctx, mill), maxAttempts));
  // The other side: what it was asked to do, whatever we have on record.
  await mill.rows("create table ledger (key text, attempt int)");
  await mill.startWorker();
  await mill.startDispatcher();
  return { mill, id: await mill.enqueue("workflow") };
}

const charge =
  (mill: Mill) =>
  async ({ idempotencyKey, attempt }: EffectContext) => {
    await mill.rows("insert into ledger values ($1, $2)", [idempotencyKey, attempt]);
    return { attempt };
  };

const ledger = (mill: Mill) => mill.rows<{ key: string; attempt: number }>("select * from ledger");

const intents = (mill: Mill) =>
  mill.rows(
    `select name, ordinal, attempt, tries, error_class, error_message, doubt is not null as doubted from millrace.waiter order by name, ordinal`,
  );

const stepsOf = (mill: Mill) =>
  mill.rows("select name, ordinal, kind, attempt, value from millrace.step order by seq");

const say = (mill: Mill, runId: string, happened: boolean, more: object = {}) =>
  resolveDoubt(mill.db, by("ana"), {
    runId,
    name: undefined,
    ordinal: undefined,
    happened,
    value: undefined,
    note: null,
    ...more,
  });

/** What becomes of the worker's runs when it is declared lost. */
async function lose(mill: Mill): Promise<void> {
  await mill.rows("update millrace.worker set state = 'lost' where state = 'active'");
  await takeBackLost(mill.db);
}

test("an effect happens once: its intent is on record before, its receipt after, and a later attempt gets what it gave", async () => {
  const seen: unknown[] = [];
  const { mill, id } = await started(async ({ step, attempt }, mill) => {
    const receipt = await step.effect("charge", {
      do: async (effect) => {
        seen.push(await intents(mill));
        await charge(mill)(effect);
        return { at: new Date(0), cents: 5n };
      },
    });
    seen.push(receipt);
    if (attempt === 1) throw new Error("after the effect");
  });
  await mill.untilState(id, "completed");
  const intent = { name: "charge", ordinal: 1, attempt: 1, tries: 1, doubted: false };
  const receipt = { at: new Date(0), cents: 5n };
  expect(seen).toEqual([[{ ...intent, error_class: null, error_message: null }], receipt, receipt]);
  expect(await ledger(mill)).toHaveLength(1);
  expect(await intents(mill)).toEqual([]);
  expect(await stepsOf(mill)).toMatchObject([{ name: "charge", kind: "effect", attempt: 1 }]);
});

test("its key is that of millrace.effect_key: the same in every attempt, and another for each effect", async () => {
  const keys: string[] = [];
  const { mill, id } = await started(async ({ step, attempt }) => {
    const note = ({ idempotencyKey }: EffectContext) => void keys.push(idempotencyKey);
    const failing = (effect: EffectContext) => {
      note(effect);
      if (attempt === 1) throw new Error("no luck");
    };
    await step.effect("é", { do: note });
    await step.effect("é", { do: failing, idempotent: true });
  });
  await mill.untilState(id, "completed");
  const [made] = await mill.rows<{ first: string; second: string }>(
    "select millrace.effect_key($1, 'é', 1) as first, millrace.effect_key($1, 'é', 2) as second",
    [id],
  );
  expect(keys).toEqual([made!.first, made!.second, made!.second]);
  expect(made!.first).toMatch(new RegExp(`^${id}-[0-9a-f]{32}$`));
});

type Point = "before it is done" | "when it is done" | "before the receipt" | "after the receipt";
type Way =
  | "that can be verified"
  | "that is idempotent"
  | "of which the other side does not know"
  | "alone";

const POINTS: Point[] = [
  "before it is done",
  "when it is done",
  "before the receipt",
  "after the receipt",
];
const WAYS: Way[] = [
  "that can be verified",
  "that is idempotent",
  "of which the other side does not know",
  "alone",
];

function optionsOf(way: Way, mill: Mill): Omit<EffectOptions<{ attempt: number }>, "do"> {
  if (way === "that is idempotent") return { idempotent: true };
  if (way === "of which the other side does not know") return { verify: () => "unknown" };
  if (way === "alone") return {};
  return {
    verify: async ({ idempotencyKey }) => {
      const [row] = await mill.rows<{ attempt: number }>(
        "select attempt from ledger where key = $1",
        [idempotencyKey],
      );
      return row ? { happened: true, value: { attempt: row.attempt } } : { happened: false };
    },
  };
}

describe.each(WAYS)("an effect %s, whose worker is lost", (way) => {
  test.each(POINTS)("%s, happens once, or is in doubt", async (point) => {
    const dying = signal();
    const released = signal();
    const { mill, id } = await started(async ({ step, attempt, signal: stop }, mill) => {
      const dies = async (at: Point) => {
        if (attempt > 1 || point !== at) return;
        dying.fire();
        // A zombie that goes on after its lease is gone; else one that is dead, and writes nothing more.
        if (at === "before the receipt") return await released.promise;
        await new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason as Error));
        });
      };
      const receipt = await step.effect("charge", {
        ...optionsOf(way, mill),
        do: async (effect) => {
          await dies("before it is done");
          if (way === "that is idempotent" && (await ledger(mill)).length > 0)
            return { attempt: 1 };
          const given = await charge(mill)(effect);
          await dies("when it is done");
          await dies("before the receipt");
          return given;
        },
      });
      await dies("after the receipt");
      return receipt;
    });
    await dying.promise;
    await lose(mill);
    released.fire();
    await mill.startWorker();
    const done = point === "before it is done" ? 0 : 1;
    const certain =
      point === "after the receipt" ||
      way === "that can be verified" ||
      way === "that is idempotent";
    if (certain) {
      const run = await mill.untilState(id, "completed");
      // The second; or the third, where the lost worker has taken it once more before it knew, and handed it back.
      const attempt = point === "before it is done" ? run.attempts : 1;
      expect(run).toMatchObject({ output: { attempt } });
      expect(await ledger(mill)).toMatchObject([{ attempt }]);
      expect(await intents(mill)).toEqual([]);
    } else {
      await mill.untilState(id, "waiting");
      expect(await ledger(mill)).toHaveLength(done);
      expect(await intents(mill)).toMatchObject([{ attempt: 1, tries: 1, doubted: true }]);
      expect(await mill.rows("select 1 from millrace.lease")).toEqual([]);
    }
  });
});

describe("an effect whose function throws", () => {
  test("fails the attempt, and leaves what it threw as evidence to who is asked", async () => {
    const { mill, id } = await started(({ step }) =>
      step.effect("charge", {
        do: () => {
          throw new TypeError("connection reset");
        },
      }),
    );
    await mill.untilState(id, "waiting");
    expect(await mill.run(id)).toMatchObject({ attempts: 2, failures: 1 });
    expect(await intents(mill)).toEqual([
      {
        name: "charge",
        ordinal: 1,
        attempt: 1,
        tries: 1,
        doubted: true,
        error_class: "TypeError",
        error_message: "connection reset",
      },
    ]);
    const [timer] = await mill.rows(
      "select reason, due_at > now() + interval '1000 years' as never from millrace.timer",
    );
    expect(timer).toEqual({ reason: "wait", never: true });
  });

  test("is simply done again when that says that it did not happen", async () => {
    const { mill, id } = await started(async ({ step, attempt }, mill) =>
      step.effect("charge", {
        didNotHappen: (error) => error instanceof RangeError,
        do: (effect) => {
          if (attempt === 1) throw new RangeError("refused before it was sent");
          return charge(mill)(effect);
        },
      }),
    );
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { attempt: 2 },
      failures: 1,
    });
    expect(await ledger(mill)).toHaveLength(1);
  });

  test("leaves what was thrown as evidence, without the password of a URL", async () => {
    const { mill, id } = await started(({ step }) =>
      step.effect("charge", {
        do: () => {
          throw new Error("cannot reach postgres://app:hunter2@db/shop");
        },
      }),
    );
    await mill.untilState(id, "waiting");
    expect(await intents(mill)).toMatchObject([
      { error_message: "cannot reach postgres://app:[redacted]@db/shop" },
    ]);
  });

  test("is in doubt when the rule that should know fails itself", async () => {
    const { mill, id } = await started(({ step }) =>
      step.effect("charge", {
        didNotHappen: () => {
          throw new Error("the rule is broken");
        },
        do: () => {
          throw new Error("refused");
        },
      }),
    );
    await mill.untilState(id, "waiting");
    expect(await mill.rows("select message from millrace.log")).toEqual([
      { message: expect.stringContaining("didNotHappen failed") },
    ]);
  });

  test("is done again in place after any error when it is idempotent, each time noted, each with its timeout", async () => {
    let tries = 0;
    const { mill, id } = await started(async ({ step }, mill) => {
      // A try that asked for its own intent could take longer than its timeout.
      await mill.rows("create table noted (n serial, tries int, error_class text)");
      await mill.rows(`
        create function note() returns trigger language plpgsql as $$
          begin
            insert into noted (tries, error_class) values (new.tries, new.error_class);
            return new;
          end $$`);
      await mill.rows(
        "create trigger note after insert or update on millrace.waiter for each row execute function note()",
      );
      return step.effect("charge", {
        idempotent: true,
        timeout: "50ms",
        retry: { ...soon, maxAttempts: 3 },
        do: () => {
          tries++;
          if (tries === 1) throw new Error("no luck");
          return tries === 2 ? new Promise<string>(() => {}) : "charged";
        },
      });
    });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      failures: 0,
      output: "charged",
    });
    expect(await mill.rows("select tries, error_class from noted order by n")).toEqual([
      { tries: 1, error_class: null },
      { tries: 1, error_class: "Error" },
      { tries: 2, error_class: "Error" },
      { tries: 2, error_class: "TimeoutError" },
      { tries: 3, error_class: "TimeoutError" },
    ]);
  });

  test("is done again in place only after errors that say that it did not happen", async () => {
    let tries = 0;
    const { mill, id } = await started(({ step }) =>
      step.effect("charge", {
        didNotHappen: (error) => error instanceof RangeError,
        retry: { ...soon, maxAttempts: 9 },
        do: () => {
          tries++;
          throw tries < 3 ? new RangeError("refused") : new Error("reset");
        },
      }),
    );
    await mill.untilState(id, "waiting");
    expect(tries).toBe(3);
    expect(await intents(mill)).toMatchObject([{ tries: 3, error_message: "reset" }]);
  });

  test("for good, says in the run's timeline that it is left in doubt", async () => {
    const { mill, id } = await started(
      ({ step }) =>
        step.effect("charge", {
          do: () => {
            throw new Error("reset");
          },
        }),
      1,
    );
    await mill.untilState(id, "failed");
    const [event] = await until("it is noted", async () => {
      const rows = await mill.rows("select event, detail from millrace.event where run_id = $1", [
        id,
      ]);
      return rows.length > 0 && rows;
    });
    expect(event).toMatchObject({
      event: "effect left in doubt",
      detail: { name: "charge", ordinal: 1, attempt: 1, error: "Error: reset" },
    });
    expect(await intents(mill)).toEqual([]);
  });

  test("because it gave what cannot be recorded, fails the run for good, and is left in doubt", async () => {
    const { mill, id } = await started(({ step }) =>
      step.effect("charge", { do: () => new URL("a:b") as unknown }),
    );
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    await until(
      "it is noted",
      async () => (await mill.rows("select 1 from millrace.event")).length === 1,
    );
  });
});

test("an error of verify fails the attempt, and the intent stays", async () => {
  const { mill, id } = await started(async ({ step, attempt }, mill) =>
    step.effect<{ attempt: number }>("charge", {
      do: async (effect) => {
        await charge(mill)(effect);
        throw new Error("the answer was lost");
      },
      verify: ({ attempt: asking }) => {
        if (attempt === 2) throw new TypeError("the other side is down");
        return { happened: true, value: { attempt: asking } };
      },
    }),
  );
  expect(await mill.untilState(id, "completed")).toMatchObject({
    output: { attempt: 3 },
    failures: 2,
  });
  expect(await ledger(mill)).toHaveLength(1);
});

test("one that is idempotent is verified first, and done again where the other side does not know", async () => {
  let asked = 0;
  const { mill, id } = await started(async ({ step, attempt }, mill) =>
    step.effect("charge", {
      idempotent: true,
      verify: () => {
        asked++;
        return "unknown" as const;
      },
      do: (effect) => {
        if (attempt === 1) throw new Error("reset");
        return charge(mill)(effect);
      },
    }),
  );
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: { attempt: 2 } });
  expect(asked).toBe(1);
});

describe("a person who says of an effect in doubt", () => {
  const doubtful = (ctx: Context, mill: Mill) =>
    ctx.step.effect("charge", {
      do: async (effect) => {
        const given = await charge(mill)(effect);
        if (ctx.attempt === 1) throw new Error("reset");
        return given;
      },
    });

  test("that it happened, has its run go on with the value, and nothing is done", async () => {
    const { mill, id } = await started(doubtful);
    await mill.untilState(id, "waiting");
    await say(mill, id, true, { value: { $: ["as it is"] }, note: "seen at the bank" });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { $: ["as it is"] } });
    expect(await ledger(mill)).toHaveLength(1);
    expect(await stepsOf(mill)).toMatchObject([{ name: "charge", kind: "effect" }]);
    expect(await mill.rows("select event, actor, detail from millrace.event")).toEqual([
      {
        event: "doubt resolved",
        actor: "ana",
        detail: { name: "charge", ordinal: 1, happened: true, note: "seen at the bank" },
      },
    ]);
  });

  test("that it did not, has it done again", async () => {
    const { mill, id } = await started(doubtful);
    await mill.untilState(id, "waiting");
    await say(mill, id, false);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { attempt: 3 } });
    expect(await ledger(mill)).toMatchObject([{ attempt: 1 }, { attempt: 3 }]);
  });

  test("is heard while another step of the run is under way", async () => {
    const work = signal();
    const { mill, id } = await started(async (ctx, mill) => {
      const both = [doubtful(ctx, mill), ctx.attempt > 1 && ctx.step("work", () => work.promise)];
      return (await Promise.all(both))[0];
    });
    await until("it is in doubt", async () => (await intents(mill))[0]?.["doubted"] === true);
    expect(await mill.state(id)).toBe("running");
    await say(mill, id, true, { value: 7 });
    await until("it has its receipt", async () => (await stepsOf(mill)).length === 1);
    work.fire();
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 7, attempts: 2 });
  });

  test("is heard by a run that is suspended at this moment", async () => {
    const { mill, id } = await started(doubtful);
    await mill.untilState(id, "waiting");
    const person = await mill.connection();
    await person.query("begin");
    await person.query("select from millrace.waiter for update");
    // The run is woken by something else, finds that it is in doubt as before, and is suspended: that waits for the lock.
    await mill.rows("update millrace.timer set due_at = now()");
    await until("its suspension waits", async () => {
      const rows = await mill.rows(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    await person.query("update millrace.waiter set met_at = now(), happened = true, value = '8'");
    await person.query("commit");
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 8 });
  });

  test("too late, twice, or of something else, is told so", async () => {
    const { mill, id } = await started(doubtful);
    const other = await mill.intake.accept({ job: "workflow", trigger: "api", delayMs: 3_600_000 });
    await mill.untilState(id, "waiting");
    await expect(say(mill, other.id, true)).rejects.toMatchObject({ code: "doubt_not_found" });
    await expect(say(mill, id, true, { name: "mail" })).rejects.toMatchObject({
      code: "doubt_not_found",
    });
    const answers = await Promise.allSettled([say(mill, id, true), say(mill, id, false)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(answers.find((answer) => answer.status === "rejected")!.reason).toMatchObject({
      code: expect.stringMatching(/^(doubt_resolved|run_finished)$/),
    });
    await mill.untilState(id, "completed");
    await expect(say(mill, id, true)).rejects.toMatchObject({ code: "run_finished" });
    await expect(say(mill, "01900000-0000-7000-8000-000000000000", true)).rejects.toMatchObject({
      code: "run_not_found",
    });
  });
});

test("a run in doubt is cancelled like any that waits, and the timeline keeps the doubt", async () => {
  const { mill, id } = await started(({ step }) =>
    step.effect("charge", {
      do: () => {
        throw new Error("reset");
      },
    }),
  );
  await mill.untilState(id, "waiting");
  expect(await cancel(mill.db, by("ana"), { runId: id, reason: null })).toBe("cancelled");
  expect(await intents(mill)).toEqual([]);
  expect(await mill.rows("select event from millrace.event order by event")).toEqual([
    { event: "cancel asked" },
    { event: "effect left in doubt" },
  ]);
});

test.each<[string, (step: Step) => Promise<unknown>, RegExp]>([
  ["without do", (step) => step.effect("a", {} as never), /do must be a function/],
  ["with a function alone", (step) => step.effect("a", (() => 1) as never), /give it an object/],
  [
    "with an unknown option",
    (step) => step.effect("a", { do: () => 1, undo: 1 } as never),
    /undo is not an option/,
  ],
  [
    "with a verify that is none",
    (step) => step.effect("a", { do: () => 1, verify: true } as never),
    /verify must be a function/,
  ],
  [
    "with an idempotent that is none",
    (step) => step.effect("a", { do: () => 1, idempotent: "yes" } as never),
    /true or false/,
  ],
  [
    "that is tried again blindly",
    (step) => step.effect("a", { do: () => 1, retry: {} }),
    /needs idempotent: true, or didNotHappen/,
  ],
  [
    "inside of a step",
    (step) => step("b", () => step.effect("a", { do: () => 1 })),
    /inside of another/,
  ],
  [
    "with a step inside",
    (step) => step.effect("a", { do: () => step("b", () => 1) }),
    /inside of another/,
  ],
])("an effect %s fails the run at once", async (_what, use, message) => {
  const { mill, id } = await started(({ step }) => use(step));
  expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
  const [attempt] = await mill.rows<{ error_message: string }>(
    "select error_message from millrace.attempt",
  );
  expect(attempt!.error_message).toMatch(message);
});

test("in job.call it simply happens", async () => {
  const job = workflow(({ step }) => step.effect("a", { do: ({ attempt }) => attempt }));
  expect(await job.call()).toBe(1);
});
