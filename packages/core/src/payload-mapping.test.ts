import { expect, test } from "vitest";
import { mapPayload, mappingTrouble } from "./payload-mapping.ts";

const BODY = {
  type: "paid",
  data: { items: [{ id: "a" }, { id: "b", "odd key": [[7]] }] },
  none: null,
};

test("a field is what stands at its path, in a header, or what the mapping says", () => {
  const mapping = {
    kind: "type",
    second: "data.items[1].id",
    deep: "data.items[1].odd key[0][0]",
    nothing: "none",
    raw: "",
    from: "header:X-Source",
    fixed: { const: { a: [1] } },
  };
  expect(mapPayload(mapping, BODY, { "x-source": "shop" })).toEqual({
    ...{ kind: "paid", second: "b", deep: 7, nothing: null, raw: BODY },
    ...{ from: "shop", fixed: { a: [1] } },
  });
  expect(mapPayload({ first: "[0]" }, ["x"], {})).toEqual({ first: "x" });
});

test("every path at which there is nothing is named, also what only a prototype has", () => {
  const absent = (from: string, body: typeof BODY | string | null = BODY) => {
    try {
      return mapPayload({ x: from, kind: { const: 1 } }, body, {});
    } catch (error) {
      return (error as Error).message;
    }
  };
  for (const path of [
    ...["data.items[2]", "data.items.length", "toString", "constructor.name", "data[0]"],
    ...["type.length", "none.x", "data.items.0", "header:x-source", "header:constructor"],
  ]) {
    expect(absent(path)).toBe(`the mapping does not fit: x: there is nothing at "${path}"`);
  }
  expect(absent("length", "text")).toContain("x: there is nothing");
  expect(() => mapPayload({ a: "p.q", b: "r" }, {}, {})).toThrow(/a: .*"p\.q"; b: .*"r"/);
});

test("what is no path is refused when it is written", () => {
  for (const path of ["", "a", "a.b", "a[0]", "[0]", "[0][1].c", "header:x-name"]) {
    expect(mappingTrouble("x", path), path).toBe(undefined);
  }
  for (const path of [
    ...[".", "a.", ".a", "a..b", "a[", "a[]", "a[-1]", "a[x]", "a[0", "a]b", "[0]a", "a[1e3]"],
    ...["$.a[?(@.b)]", "header:", "header:a b", "header:Authorization", "header:cookie"],
    "x".repeat(501),
  ]) {
    expect(mappingTrouble("x", path), path).toBeTypeOf("string");
  }
  for (const field of ["", "a b", "__proto__", "1", "a.b"]) {
    expect(mappingTrouble(field, "a"), field).toBeTypeOf("string");
  }
});
