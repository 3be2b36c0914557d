import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { readMessage } from "./message.ts";

test("a message is the name of a queue", () => {
  expect(readMessage("mail")).toBe("mail");
  expect(readMessage(Buffer.from("a.b:c/d_e-f"))).toBe("a.b:c/d_e-f");
});

test("whatever bytes come, they are a name or nothing", () => {
  const read = Array.from({ length: 20_000 }, (_, n) => readMessage(randomBytes(n % 200)));
  const names = read.filter((queue) => queue !== undefined);
  expect(names.filter((queue) => !/^[a-z0-9._:/-]{1,100}$/.test(queue))).toEqual([]);
});
