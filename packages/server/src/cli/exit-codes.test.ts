import { ERROR_CODES, type ErrorCode, MillraceError } from "@millrace/core";
import { expect, test } from "vitest";
import { EXIT, exitCodeOf } from "./exit-codes.ts";

test("whatever is not there is told by the same exit code", () => {
  const absent = Object.keys(ERROR_CODES).filter((code) => code.endsWith("not_found"));
  expect(absent).toContain("alert_target_not_found");
  const codes = absent.map((code) => [
    code,
    exitCodeOf(new MillraceError(code as ErrorCode, "gone")),
  ]);
  expect(codes).toEqual(absent.map((code) => [code, EXIT.notFound]));
});
