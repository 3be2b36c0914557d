import { describe, expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "./define-job.ts";
import { isJob } from "./is-job.ts";
import type { InputOf, JobOptions, KeyPath, OutputOf } from "./job.ts";

const greet = defineJob({
  name: "greet",
  input: z.object({ name: z.string(), loud: z.boolean().default(false) }),
  run: ({ name, loud }, ctx) => ({ text: loud ? name.toUpperCase() : name, attempt: ctx.attempt }),
});

describe("defineJob", () => {
  test("resolves every option", () => {
    expect(greet).toMatchObject({
      name: "greet",
      queue: "default",
      priority: 0,
      timeoutMs: 300_000,
      retry: { maxAttempts: 5 },
      retentionMs: null,
    });
    expect(isJob(greet)).toBe(true);
    expect(Object.isFrozen(greet)).toBe(true);
  });

  test("takes a length of time to keep runs for, or for ever", () => {
    const keep = (retention: "30d" | "forever") =>
      defineJob({ name: "kept", retention, run: () => null }).retentionMs;
    expect([keep("30d"), keep("forever")]).toEqual([30 * 86_400_000, Infinity]);
  });

  test("infers input and output from schema and handler", () => {
    expectTypeOf<InputOf<typeof greet>>().toEqualTypeOf<{
      name: string;
      loud?: boolean | undefined;
    }>();
    expectTypeOf<OutputOf<typeof greet>>().toEqualTypeOf<{ text: string; attempt: number }>();
    const later = defineJob({ name: "later", run: async () => await Promise.resolve(7) });
    expectTypeOf<OutputOf<typeof later>>().toEqualTypeOf<number>();
  });

  test("makes a wrong payload a compile error", async () => {
    // @ts-expect-error -- name must be a string
    await expect(greet.call({ name: 7 })).rejects.toMatchObject({ code: "invalid_input" });
    // @ts-expect-error -- name is missing
    await expect(greet.call({})).rejects.toMatchObject({ code: "invalid_input", pointer: "/name" });
  });

  test("makes a key that is not in the input a compile error", () => {
    const input = z.object({
      tenant: z.string(),
      customer: z.object({ id: z.number(), tags: z.array(z.string()) }).optional(),
    });
    type Path = KeyPath<z.input<typeof input>>;
    expectTypeOf<Path>().toEqualTypeOf<"tenant" | "customer.id">();
    const job = (options: Pick<JobOptions<"a", typeof input, null>, "concurrency" | "fairBy">) =>
      defineJob({ name: "a", input, ...options, run: () => null });
    expect(job({ concurrency: { key: "customer.id", limit: 1 } }).flow.key).toEqual([
      "customer",
      "id",
    ]);
    // @ts-expect-error -- there is no such place in the input
    job({ concurrency: { key: "tennant", limit: 1 } });
    // @ts-expect-error -- an object is no key
    job({ fairBy: "customer" });
    // @ts-expect-error -- neither is a list
    job({ fairBy: "customer.tags" });
    // @ts-expect-error -- a job that takes nothing has no key
    defineJob({ name: "a", fairBy: "tenant", run: () => null });
  });

  test("makes a searchable field that is not in the input a compile error, and keeps those that are", () => {
    const input = z.object({ tenant: z.string(), order: z.object({ id: z.string() }) });
    const job = (options: Pick<JobOptions<"a", typeof input, null>, "searchable">) =>
      defineJob({ name: "a", input, ...options, run: () => null });
    expect(job({ searchable: ["tenant", "order.id"] }).searchable).toEqual(["tenant", "order.id"]);
    expect(job({}).searchable).toEqual([]);
    // @ts-expect-error -- there is no such place in the input
    job({ searchable: ["tennant"] });
    // @ts-expect-error -- an object is no field
    job({ searchable: ["order"] });
  });

  test("knows the places in an input that takes others besides", () => {
    type Loose = {
      tenant: string;
      order: { id: string; [other: string]: unknown };
      [other: string]: unknown;
    };
    expectTypeOf<KeyPath<Loose>>().toEqualTypeOf<"tenant" | "order.id">();
    expectTypeOf<KeyPath<Record<string, string>>>().toEqualTypeOf<string>();
  });

  test("has a batch handler answer a result, or an error, for each input", async () => {
    const sums = defineJob({
      name: "sums",
      input: z.object({ n: z.number() }),
      batch: { size: 10, wait: "1s" },
      run: (inputs) => inputs.map(({ n }) => (n < 0 ? new RangeError("negative") : n + 1)),
    });
    expectTypeOf<OutputOf<typeof sums>>().toEqualTypeOf<number>();
    expect(await sums.call({ n: 1 })).toBe(2);
    await expect(sums.call({ n: -1 })).rejects.toThrow("negative");
    expect(() =>
      defineJob({
        name: "wrong",
        batch: { size: 1, wait: "1s" },
        run: (inputs) => inputs.map(() => null),
      }),
    ).toThrow("job wrong: batch.size");
  });

  const run = () => null;
  test.each<[Record<string, unknown>, string]>([
    [{ name: "Bad Name", run }, "name"],
    [{ name: "", run }, "name"],
    [{ name: "x".repeat(101), run }, "100 characters"],
    [{ name: "a", run, retries: 3 }, "retries is not an option"],
    [{ name: "a", run: "no" }, "run must be a function"],
    [{ name: "a", run, input: { type: "object" } }, "Standard Schema"],
    [{ name: "a", run, queue: "Q!" }, "queue"],
    [{ name: "a", run, priority: 101 }, "priority"],
    [{ name: "a", run, timeout: "25d" }, "timeout"],
    [{ name: "a", run, timeout: "0s" }, "timeout"],
    [{ name: "a", run, retry: { maxAttempts: 0 } }, "maxAttempts"],
    [{ name: "a", run, isolation: "vm" }, 'isolation "vm" is not one of inline, thread, process'],
    [{ name: "a", run, limits: { memory: "64mb" } }, 'limits.memory needs isolation: "process"'],
    [{ name: "a", run, isolation: "thread", limits: { memory: "8mb" } }, "from 16mb to 64gb"],
    [{ name: "a", run, isolation: "thread", limits: { memory: 64 } }, "from 16mb to 64gb"],
    [{ name: "a", run, isolation: "process", limits: { cpu: 1 } }, "limits.cpu is not a limit"],
    [{ name: "a", run, retention: "59m" }, "retention"],
    [{ name: "a", run, retention: "always" }, "retention"],
    [{ name: "a", run, retention: null }, "retention"],
  ])("refuses %j when the module is loaded", (options, message) => {
    expect(() => defineJob(options as unknown as JobOptions<string, undefined, null>)).toThrow(
      message,
    );
  });
});

describe("job.call", () => {
  test("runs the handler here, with defaults filled in and a context", async () => {
    expect(await greet.call({ name: "Ada", loud: true })).toEqual({ text: "ADA", attempt: 1 });
  });

  test("throws what the handler throws, at the first attempt", async () => {
    let attempts = 0;
    const fails = defineJob({
      name: "fails",
      run: () => {
        attempts++;
        throw new RangeError("no");
      },
    });
    await expect(fails.call()).rejects.toBeInstanceOf(RangeError);
    expect(attempts).toBe(1);
  });

  test("ends at the job's timeout, even when the handler does not listen", async () => {
    const deaf = defineJob({ name: "deaf", timeout: "20ms", run: () => new Promise(() => {}) });
    await expect(deaf.call()).rejects.toMatchObject({ name: "Aborted", why: "timeout" });
  });

  test("is aborted by the caller's signal", async () => {
    const controller = new AbortController();
    const waits = defineJob({
      name: "waits",
      run: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          controller.abort(new Error("enough"));
        }),
    });
    await expect(waits.call(undefined, { signal: controller.signal })).rejects.toThrow("enough");
  });
});

describe("secrets", () => {
  const job = defineJob({
    name: "sync",
    secrets: ["CRM_TOKEN", "CRM_TOKEN", "DB"],
    run: (_input, { secrets }) => secrets.CRM_TOKEN satisfies string,
  });

  test("are listed once, and given by name in a call, which looks nowhere else", async () => {
    expect(job.secrets).toEqual(["CRM_TOKEN", "DB"]);
    const secrets = { CRM_TOKEN: "a token", DB: "a password" };
    expect(await job.call(undefined, { secrets })).toBe("a token");
    vi.stubEnv("CRM_TOKEN", "of the environment");
    await expect(job.call()).rejects.toThrow(
      "job sync declares the secrets CRM_TOKEN, DB, which were not given; pass call(input, { secrets: { … } })",
    );
  });

  test("that are not declared are no property, and an error to ask for", async () => {
    const wrong = defineJob({
      name: "wrong",
      secrets: ["DB"],
      // @ts-expect-error -- it is not declared
      run: (_input, { secrets }) => secrets.OTHER as string,
    });
    await expect(wrong.call(undefined, { secrets: { DB: "x", OTHER: "y" } })).rejects.toThrow(
      "job wrong does not declare the secret OTHER; add it to its secrets",
    );
  });

  test.each([[["crm"]], [["1X"]], [[7]], ["CRM_TOKEN"]])("%j is refused", (secrets) => {
    const options = { name: "sync", secrets, run: () => null };
    expect(() => defineJob(options as unknown as JobOptions<string, undefined, null>)).toThrow(
      "job sync: secrets",
    );
  });
});

test("a subject is a path into the input, and what would read the input before its handler is refused", () => {
  const input = z.object({ customerId: z.string(), tenant: z.string(), n: z.number() });
  const define = (more: object) =>
    defineJob({ name: "letter", subject: "customerId", input, run: () => null, ...more } as never);
  expect(
    defineJob({ name: "letter", subject: "customerId", input, run: () => null }).subject,
  ).toEqual(["customerId"]);
  expect(defineJob({ name: "letter", run: () => null }).subject).toBe(null);
  for (const allowed of [
    { concurrency: { key: "customerId", limit: 1 } },
    { concurrency: { limit: 1 }, rateLimit: { limit: 1, per: "1s", cost: 2 } },
    { debounce: { key: "customerId", wait: "1s" } },
  ]) {
    expect(define(allowed)).toMatchObject({ subject: ["customerId"] });
  }
  for (const [refused, says] of [
    [{ subject: "" }, "is not a path into the input"],
    [{ subject: "$sealed" }, "is not a path into the input"],
    [{ fairBy: "tenant" }, "fairBy: the input is encrypted under its subject"],
    [{ rateLimit: { limit: 1, per: "1s", cost: "n" } }, "rateLimit.cost: the input is encrypted"],
    [{ debounce: { wait: "1s" } }, "debounce: the input is encrypted"],
    [{ throttle: { key: "tenant", per: "1s" } }, "throttle: the input is encrypted"],
    [
      { batch: { size: 2, wait: "1s" } },
      "batch: one call would have the content of several subjects",
    ],
    [{ searchable: ["tenant"] }, "searchable: the input is encrypted under its subject"],
    [{ schedules: [{ every: "1h" }] }, "schedules: the input of a schedule is kept in clear"],
  ] as const) {
    expect(() => define(refused)).toThrow(says);
  }
});
