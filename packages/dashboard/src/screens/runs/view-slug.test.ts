import { BySlug } from "@millrace/core/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { slugOf } from "./view-slug.ts";

test.each([
  ["Failed today", "failed-today"],
  ["  Über–Größe: 503! ", "uber-gro-e-503"],
  ["失敗", ""],
])("the address of %o", (title, slug) => expect(slugOf(title)).toBe(slug));

test("of any name it is one that the API takes, or none", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (title) => {
      const slug = slugOf(title);
      expect(slug === "" || BySlug.safeParse({ slug }).success, slug).toBe(true);
    }),
  );
});
