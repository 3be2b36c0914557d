import fc from "fast-check";
import { anyText } from "../../../test/support/any-text.ts";
import { describe, expect, test } from "vitest";
import { toFailure } from "./failure.ts";

class HttpError extends Error {}

describe("toFailure", () => {
  test("keeps class, message, and the stack with its causes", () => {
    const failure = toFailure(new HttpError("503", { cause: new TypeError("socket hang up") }));
    expect(failure).toMatchObject({ class: "HttpError", message: "503" });
    expect(failure.stack).toContain("failure.test.ts");
    expect(failure.stack).toContain("Caused by: TypeError: socket hang up");
  });

  test.each<[unknown, string]>([
    [undefined, "undefined"],
    [null, "null"],
    ["plain text", "plain text"],
    [{ code: 7 }, '{"code":7}'],
    [Symbol("s"), "Symbol(s)"],
    [10n, "the thrown value cannot be described"],
  ])("describes %s, which is not an error", (thrown, message) => {
    expect(toFailure(thrown)).toEqual({ class: "NotAnError", message, stack: null });
  });

  test("survives an error whose every property throws", () => {
    const hostile = new Proxy(new Error("x"), {
      get() {
        throw new Error("gotcha");
      },
    });
    expect(toFailure(hostile).class).toBe("NotAnError");
  });

  test("cuts what is huge", () => {
    const failure = toFailure(new Error("x".repeat(1 << 20)));
    expect(failure.message.length).toBeLessThan(9000);
    expect(failure.stack!.length).toBeLessThan(34_000);
  });

  test("whatever is thrown, gives text that PostgreSQL can store", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), anyText(), (value, text) => {
        for (const thrown of [value, new Error(`${text}\0\ud800`)]) {
          const { class: name, message, stack } = toFailure(thrown);
          for (const part of [name, message, stack ?? ""]) {
            expect(part.isWellFormed() && !part.includes("\0")).toBe(true);
          }
        }
      }),
    );
  });
});
