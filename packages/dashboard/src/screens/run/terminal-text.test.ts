import { expect, test } from "vitest";
import { cutPieces, plainText, terminalText } from "./terminal-text.ts";

const ESC = "\u001b[";

test.each([
  [`${ESC}38;2;1;2;3mdeep${ESC}1;4m`, "deep"],
  [`${ESC}38;5;200mpink`, "pink"],
  [`${ESC}41mon red${ESC}0m`, "on red"],
  [`${ESC}7mturned`, "turned"],
  ["\u001b]8;;https://example.com\u0007link\u001b]8;;\u0007", "link"],
  [`${ESC}2K${ESC}1Gdone\r`, "done"],
])("of %j what a terminal alone can show is left out, and that is said", (written, text) => {
  const { pieces, leftOut } = terminalText(written);
  expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  expect(leftOut).toBe(true);
  expect(plainText(written)).toBe(text);
});

test.each<[string, [text: string, look: string][]]>([
  [
    `${ESC}31mred${ESC}0m and not`,
    [
      ["red", "ansi-red"],
      [" and not", ""],
    ],
  ],
  ["\u009b32mgreen", [["green", "ansi-green"]]],
  [
    `${ESC}1;93mwarn${ESC}22;39m: x`,
    [
      ["warn", "ansi-yellow ansi-bold"],
      [": x", ""],
    ],
  ],
  [
    `${ESC}90m12:00${ESC}m go`,
    [
      ["12:00", "ansi-grey"],
      [" go", ""],
    ],
  ],
  [`${ESC}38;5;12;4mblue`, [["blue", "ansi-blue ansi-underlined"]]],
  [
    `${ESC}30mblack ${ESC}97mwhite`,
    [
      ["black ", ""],
      ["white", ""],
    ],
  ],
  [
    `${ESC}2;3mfaint${ESC}23m still`,
    [
      ["faint", "ansi-dim ansi-italic"],
      [" still", "ansi-dim"],
    ],
  ],
])("%j is shown in its colours", (written, shown) => {
  const { pieces, leftOut } = terminalText(written);
  expect(pieces.map(({ text, look }) => [text, look])).toEqual(shown);
  expect(leftOut).toBe(false);
});

test.each(["plain", "[31m] is no escape", "two\nlines\tand a tab", "5 > 3; a[0]"])(
  "%j is left as it is",
  (written) => {
    expect(terminalText(written)).toEqual({
      pieces: [{ text: written, look: "" }],
      leftOut: false,
    });
  },
);

test("the ends of lines of another system are ends of lines", () => {
  expect(terminalText("a\r\nb").pieces).toEqual([{ text: "a\nb", look: "" }]);
});

test("the beginning of it keeps its looks", () => {
  const { pieces } = terminalText(`${ESC}31mred${ESC}0m and not`);
  expect(cutPieces(pieces, 5)).toEqual([
    { text: "red", look: "ansi-red" },
    { text: " a", look: "" },
  ]);
  expect(cutPieces(pieces, 0)).toEqual([]);
});
