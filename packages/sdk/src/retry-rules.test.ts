import { retryPolicy } from "@millrace/core";
import { describe, expect, expectTypeOf, test } from "vitest";
import { defineJob } from "./define-job.ts";
import { NonRetryableError, RetryAfterError } from "./errors.ts";
import { type RetryRule, judgeRetry, on } from "./retry-rules.ts";

class HttpError extends Error {
  readonly status: number;
  readonly retryAfter: number;

  constructor(status: number, retryAfter = 0) {
    super(`the server said ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

class NotAnError {
  readonly code = 7;
}

const retry = retryPolicy({ factor: 3 });
const judge = (thrown: unknown, ...rules: RetryRule[]) => judgeRetry(thrown, { retry, rules });
const usual = { answer: { retry: "backoff", backoff: retry } };

describe("a retry rule", () => {
  test("gets the error in its class's type, and its first answer that is one decides", () => {
    const rules = [
      on(HttpError, (error) => {
        expectTypeOf(error).toEqualTypeOf<HttpError>();
        return error.status === 429 && error.retryAfter;
      }),
      on(HttpError, "never"),
      on(Error, "1h"),
    ];
    expect(judge(new HttpError(429, 1500), ...rules).answer).toEqual({ retry: "after", ms: 1500 });
    expect(judge(new HttpError(429, 0), ...rules).answer).toEqual({ retry: "after", ms: 0 });
    expect(judge(new HttpError(404), ...rules).answer).toEqual({ retry: "never" });
    expect(judge(new Error("x"), ...rules).answer).toEqual({ retry: "after", ms: 3_600_000 });
    expect(judge("text", ...rules)).toEqual(usual);
  });

  test("looks at the causes, five at the most, and at what is no error", () => {
    const rule = on(TypeError, "never");
    const wrapped = new Error("a", { cause: new Error("b", { cause: new TypeError("c") }) });
    expect(judge(wrapped, rule).answer).toEqual({ retry: "never" });
    let deep: Error = new TypeError("too deep");
    for (let n = 0; n < 5; n++) deep = new Error("outer", { cause: deep });
    expect(judge(deep, rule)).toEqual(usual);
    const cycle = new Error("a");
    cycle.cause = cycle;
    expect(judge(cycle, rule)).toEqual(usual);
    expect(judge(new NotAnError(), on(NotAnError, "never")).answer).toEqual({ retry: "never" });
    expect(
      judge(
        "busy",
        on((error) => error === "busy", "2s"),
      ).answer,
    ).toEqual({
      retry: "after",
      ms: 2000,
    });
  });

  test("answers by a predicate and a backoff, which takes the rest from the job's", () => {
    const rule = on((error) => error instanceof Error && /deadlock/.test(error.message), {
      firstDelay: "50ms",
      maxAttempts: 20,
    });
    expect(judge(new Error("deadlock detected"), rule).answer).toEqual({
      retry: "backoff",
      backoff: { maxAttempts: 20, firstDelayMs: 50, factor: 3, maxDelayMs: 900_000 },
    });
    expect(judge(new Error("other"), rule)).toEqual(usual);
  });

  test.each([false, null, undefined] as const)(
    "that answers %s leaves it to the next",
    (answer) => {
      expect(
        judge(
          new Error("x"),
          on(() => answer),
          on(Error, "never"),
        ).answer,
      ).toEqual({
        retry: "never",
      });
    },
  );

  test("may answer an instant; what is past is now", () => {
    const soon = judge(
      new Error("x"),
      on(() => new Date(Date.now() + 60_000)),
    ).answer;
    expect(soon).toMatchObject({ retry: "after" });
    expect((soon as { ms: number }).ms).toBeGreaterThan(50_000);
    expect(
      judge(
        new Error("x"),
        on(() => new Date(0)),
      ).answer,
    ).toEqual({ retry: "after", ms: 0 });
    expect(
      judge(
        new Error("x"),
        on(() => -5),
      ).answer,
    ).toEqual({ retry: "after", ms: 0 });
  });

  const trouble: [string, () => never][] = [
    ["true", () => true as never],
    ["NaN", () => NaN as never],
    ["no date", () => new Date("no") as never],
    ["no duration", () => "soon" as never],
    ["an unknown option", () => ({ delay: 1 }) as never],
    [
      "an error",
      () => {
        throw new RangeError("in the rule");
      },
    ],
  ];
  test.each(trouble)("that gives %s changes nothing, and the trouble is told", (_what, ask) => {
    const judged = judge(new Error("x"), on(ask), on(Error, "never"));
    expect(judged).toMatchObject(usual);
    expect(judged.trouble).toBeInstanceOf(Error);
  });

  test("comes after NonRetryableError and before RetryAfterError", () => {
    const rule = on(Error, 5);
    expect(judge(new NonRetryableError("no"), rule).answer).toEqual({ retry: "never" });
    expect(judge(new RetryAfterError("later", 9000), rule).answer).toEqual({
      retry: "after",
      ms: 5,
    });
    expect(judge(new RetryAfterError("later", 9000)).answer).toEqual({ retry: "after", ms: 9000 });
  });

  test.each<[() => unknown, string]>([
    [() => on("TypeError" as never, "never"), "give an error class or a function"],
    [() => on(TypeError as never), 'on(TypeError, "never")'],
    [() => on(TypeError, "soon" as never), "not a duration"],
    [() => on(TypeError, { delay: 1 } as never), "delay is not an option"],
    [() => on(TypeError, false as never), "never applies"],
  ])("that cannot mean anything is refused where it stands", (make, message) => {
    expect(make).toThrow(message);
  });
});

describe("a job", () => {
  test("keeps its rules to itself, and tells how many there are", () => {
    const job = defineJob({
      name: "ruled",
      retry: { maxAttempts: 3, rules: [on(TypeError, "never"), on(Error, "1s")] },
      run: () => null,
    });
    expect(job.retry).toMatchObject({ maxAttempts: 3, rules: 2 });
    expect(job.retryRules).toHaveLength(2);
    expect(JSON.parse(JSON.stringify(job.retry))).toEqual(job.retry);
  });

  test.each<[unknown, string]>([
    ["never", "must be a list"],
    [[on(Error, "never"), { ask: () => "never" }], "[1] is no rule"],
    [[null], "[0] is no rule"],
  ])("with rules %j is refused", (rules, message) => {
    const retry = { rules } as never;
    expect(() => defineJob({ name: "a", retry, run: () => null })).toThrow(message);
  });
});
