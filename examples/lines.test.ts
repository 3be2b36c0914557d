import fc from "fast-check";
import { expect, test } from "vitest";
import { type Line, lines } from "./lines.ts";

async function collect(bytes: Uint8Array, sizes: number[], maxBytes: number): Promise<Line[]> {
  async function* pieces() {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length]!;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }
  const found: Line[] = [];
  for await (const line of lines(pieces(), { maxBytes })) found.push(line);
  return found;
}

test("lines are the same however the bytes arrive", async () => {
  const text = fc
    .array(fc.constantFrom("a", "é", "😀", "\n", "\r\n", "\r", " "))
    .map((all) => all.join(""));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(text, sizes, async (whole, cuts) => {
      const wanted = whole.split("\n").map((line) => line.replace(/\r$/, ""));
      if (whole === "" || whole.endsWith("\n")) wanted.pop();
      const found = await collect(Buffer.from(whole), cuts, 1000);
      expect(found).toEqual(wanted.map((line) => ({ text: line, cut: false })));
    }),
  );
});

test("a line over the limit is its beginning, marked as cut, and the next line is whole", async () => {
  const bytes = Buffer.from(`12345\n123456\n${"x".repeat(1000)}\n\n12345`);
  expect(await collect(bytes, [7], 5)).toEqual([
    { text: "12345", cut: false },
    { text: "12345", cut: true },
    { text: "xxxxx", cut: true },
    { text: "", cut: false },
    { text: "12345", cut: false },
  ]);
});
