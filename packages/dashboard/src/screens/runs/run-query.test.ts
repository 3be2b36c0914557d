import { parseQuery } from "@millrace/core";
import { expect, test } from "vitest";
import { fieldsToComplete, ofJobs, statusOf, within, withStatus } from "./run-query.ts";

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

test("the time that is looked at is part of the query, whichever it is", () => {
  const any = { range: undefined, before: undefined };
  expect(within("job:crm", any)).toBe("job:crm");
  expect(within("", { ...any, range: { preset: "6h" } })).toBe("age:<6h");
  const [from, to] = ["2027-03-01T10:00:00Z", "2027-03-01T11:30:00Z"];
  const range = { from: Date.parse(from), to: Date.parse(to) };
  const text = within("job:crm", { ...any, range });
  expect(text).toBe(`job:crm accepted:>=${from} accepted:<${to}`);
  expect(parseQuery(text).terms).toHaveLength(3);
});

test("a list that begins in the past begins so within the time that is looked at", () => {
  const [from, at, to] = ["2027-03-01T10:00:00Z", "2027-03-01T11:00:00Z", "2027-03-01T11:30:00Z"];
  const before = Date.parse(at);
  expect(within("job:crm", { range: undefined, before })).toBe(`job:crm accepted:<${at}`);
  expect(within("", { range: { preset: "7d" }, before })).toBe(`age:<7d accepted:<${at}`);
  const range = { from: Date.parse(from), to: Date.parse(to) };
  expect(within("", { range, before })).toBe(`accepted:>=${from} accepted:<${at}`);
  const beyond = Date.parse(to) + 1000;
  expect(within("", { range, before: beyond })).toBe(`accepted:>=${from} accepted:<${to}`);
});

test("the last word of a query may become any searchable field that it is the beginning of", () => {
  const paths = ["order.id", "tenant"];
  const all = ["input.order.id:", "input.tenant:"];
  expect(fieldsToComplete("in", paths)).toEqual(all);
  expect(fieldsToComplete("status:failed -input.te", paths)).toEqual([
    "status:failed -input.tenant:",
  ]);
  for (const text of ["", "i", "job:a ", "input.tenant:", "input.tenant:acme", "interest"]) {
    expect(fieldsToComplete(text, paths), text).toEqual([]);
  }
});

test("a query that speaks of jobs is not narrowed to others", () => {
  expect(ofJobs("input.tenant:acme", ["a", "b"])).toBe("input.tenant:acme job:a,b");
  expect(ofJobs("", ["a"])).toBe("job:a");
  expect(ofJobs("job:c input.tenant:acme", ["a"])).toBeUndefined();
  expect(ofJobs("-job:c input.tenant:acme", ["a"])).toBe("-job:c input.tenant:acme job:a");
});
