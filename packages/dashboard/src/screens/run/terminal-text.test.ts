import { expect, test } from "vitest";
import { terminalText } from "./terminal-text.ts";

test.each([
  ["\u001b[31mred\u001b[0m", "red"],
  ["\u001b[38;2;1;2;3mdeep\u001b[1;4m", "deep"],
  ["\u001b]8;;https://example.com\u0007link\u001b]8;;\u0007", "link"],
  ["\u001b[2K\u001b[1Gdone\r", "done"],
  ["\u009b32mgreen", "green"],
])("of %j what a terminal alone understands is left out", (written, text) => {
  expect(terminalText(written)).toEqual({ text, wasStyled: true });
});

test.each(["plain", "[31m] is no escape", "two\nlines\tand a tab", "5 > 3; a[0]"])(
  "%j is left as it is",
  (written) => {
    expect(terminalText(written)).toEqual({ text: written, wasStyled: false });
  },
);

test("the ends of lines of another system are ends of lines", () => {
  expect(terminalText("a\r\nb")).toEqual({ text: "a\nb", wasStyled: false });
});
