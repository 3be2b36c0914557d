import { expect, test } from "vitest";
import { statusOf, withStatus } from "./run-query.ts";

test("a quick filter takes the place of the status, and leaves the rest of the query", () => {
  expect(withStatus("job:crm status:failed age:<1h", "status:running")).toBe(
    "status:running job:crm age:<1h",
  );
  expect(withStatus("status:failed", "")).toBe("");
  // A negated one is somebody's own.
  expect(withStatus("-status:failed job:crm", "status:running")).toBe(
    "status:running -status:failed job:crm",
  );
});

test("which quick filter holds is told by the query alone", () => {
  expect(statusOf("job:crm")).toBe("");
  expect(statusOf("job:crm status:failed")).toBe("status:failed");
  expect(statusOf("status:failed status:cancelled")).toBeUndefined();
  expect(statusOf("status:dead")).toBeUndefined();
});
