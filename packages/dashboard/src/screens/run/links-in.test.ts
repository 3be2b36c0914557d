import { expect, test } from "vitest";
import { linksIn } from "./links-in.ts";

test.each([
  ["see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]],
  ["(http://example.com/wiki/Foo_(bar)), or not", ["http://example.com/wiki/Foo_(bar)"]],
  ['{"url":"https://a.example/x","n":1}', ["https://a.example/x"]],
  ["[docs](https://a.example)", ["https://a.example"]],
  ["two: http://a.example http://b.example:8080/!", ["http://a.example", "http://b.example:8080/"]],
  ["javascript:alert(1) ftp://a.example data:text/html,x", []],
  ["https:// and http://[ are none", []],
])("of %j what leads to the web is a link", (text, links) => {
  const parts = linksIn(text);
  expect(parts.flatMap(({ href }) => href ?? [])).toEqual(links);
  expect(parts.map((part) => part.text).join("")).toBe(text);
});
