import { expect, test } from "vitest";
import { formOf, inputOf, leavesOf, writtenOf } from "./input-form.ts";

const FORM = formOf({
  type: "object",
  required: ["name", "size", "place"],
  properties: {
    name: { type: "string", minLength: 2 },
    size: { type: "integer", minimum: 1 },
    color: { enum: ["red", 7] },
    loud: { type: "boolean", default: true },
    note: { anyOf: [{ type: "string" }, { type: "null" }] },
    place: {
      type: "object",
      required: ["a/b"],
      properties: { "a/b": { type: "number" }, tags: { type: "array" } },
    },
    more: { type: "object", properties: { x: { type: "string", default: "y" } } },
  },
});

test("a schema becomes fields, each with a control of its kind and its place as a pointer", () => {
  expect(leavesOf(FORM).map(({ pointer, control }) => [pointer, control])).toEqual([
    ["/name", "text"],
    ["/size", "integer"],
    ["/color", "choice"],
    ["/loud", "flag"],
    ["/note", "text"],
    ["/place/a~1b", "number"],
    ["/place/tags", "json"],
    ["/more/x", "text"],
  ]);
});

test("an input becomes what is written, and that the same input again", () => {
  const input = { name: "Ada", size: 3, color: 7, loud: false, place: { "a/b": 1.5, tags: [1] } };
  const written = writtenOf(FORM, input);
  expect(inputOf(FORM, written)).toEqual({ value: input, wrong: {} });
});

test("what is wrong is said at its field, and what is left empty is not sent", () => {
  const { value, wrong } = inputOf(FORM, {
    "/name": "A",
    "/size": "1.5",
    "/place/tags": "[1",
    "/loud": "true",
  });
  expect(Object.keys(wrong).toSorted()).toEqual(["/name", "/place/a~1b", "/place/tags", "/size"]);
  expect(wrong["/size"]).toBe("Write a whole number");
  expect(value).not.toHaveProperty("more");
  expect(value).not.toHaveProperty("note");
});

test("defaults are filled in, but not of a group that need not be there, and what no field can show is JSON", () => {
  expect(writtenOf(FORM, undefined)).toEqual({ "/loud": "true" });
  for (const schema of [{}, { type: "array" }, { type: "object" }, { anyOf: [{}, {}, {}] }]) {
    expect(formOf(schema).control).toBe("json");
  }
});

test("a number that would lose digits on its way is refused, not changed", () => {
  const raw = formOf({});
  expect(inputOf(raw, { "": '{"id":12345678901234567890}' }).wrong[""]).toMatch(/so many digits/);
  expect(
    inputOf(raw, { "": '{"id":1234567890123456,"text":"12345678901234567890"}' }).wrong,
  ).toEqual({});
  const whole = formOf({ type: "integer" });
  expect(inputOf(whole, { "": "12345678901234567890" }).wrong[""]).toMatch(/so many digits/);
});
