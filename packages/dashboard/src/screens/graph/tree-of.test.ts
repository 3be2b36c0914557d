import { expect, test } from "vitest";
import { treeOf } from "./tree-of.ts";

const rows = (ids: string, links: string) =>
  treeOf(
    ids.split(" "),
    links.split(" ").flatMap((link) => {
      const [from, to] = link.split(">");
      return from && to ? [{ from, to }] : [];
    }),
  ).map(({ id, level, within }) => `${id}${level}${within > 0 ? `+${within}` : ""}`);

test("a chain is not indented, however long it is", () => {
  expect(rows("a b c d", "a>b b>c c>d")).toEqual(["a1", "b1", "c1", "d1"]);
});

test("branches stand below the node where they part, and what joins them where that stands", () => {
  expect(rows("a b c d e", "a>b a>c b>d c>d d>e")).toEqual(["a1+2", "b2", "c2", "d1", "e1"]);
});

test("what follows a branch stands right below it, before the next branch", () => {
  expect(rows("a b c d e f", "a>b a>c b>d c>e d>f e>f")).toEqual([
    ...["a1+4", "b2", "d2", "c2", "e2", "f1"],
  ]);
});

test("what comes after nothing begins anew, and a link to what is not there is none", () => {
  expect(rows("a b", "gone>b")).toEqual(["a1", "b1"]);
});

test("no row stands deeper than there is room for", () => {
  const ids = Array.from({ length: 30 }, (_, n) => `n${n} m${n}`).join(" ");
  const links = Array.from({ length: 29 }, (_, n) => `n${n}>m${n} n${n}>n${n + 1}`).join(" ");
  const levels = treeOf(
    ids.split(" "),
    links.split(" ").map((link) => {
      const [from, to] = link.split(">");
      return { from: from!, to: to! };
    }),
  ).map(({ level }) => level);
  expect(Math.max(...levels)).toBe(8);
});
