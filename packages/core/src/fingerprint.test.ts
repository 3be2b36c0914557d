import fc from "fast-check";
import { anyText } from "../../../test/support/any-text.ts";
import { expect, test } from "vitest";
import { toFailure } from "./failure.ts";
import { fingerprintOf } from "./fingerprint.ts";

const of = (message: string, stack: string | null = null, name = "Error") =>
  fingerprintOf({ class: name, message, stack });

const STACK = `Error: alas
    at request (/srv/app/node_modules/undici/lib/fetch.js:10:2)
    at async fetch (node:internal/deps/undici:1:2)
    at async send (file:///srv/app/src/jobs/contact.ts:18:11)
    at async Object.run (file:///srv/app/src/jobs/contact.ts:40:3)`;

test("is 16 hexadecimal digits, and the same wherever it is computed", () => {
  expect(of("alas")).toBe("fedfb740e456fd1a");
});

test.each([
  ["order 4711 is missing", "order 4712 is missing"],
  ["no account 'c-881'", "no account 'another name'"],
  ['no account "Ada"', 'no account "Grace Hopper"'],
  ["no account `a`", "no account `b`"],
  ["cannot read /srv/a/b.csv", "cannot read ./other/c.csv"],
  ["cannot read C:\\data\\a.csv", "cannot read C:\\b.csv"],
  ["GET https://a.example/x?y=1 failed", "GET http://b.example/ failed"],
  ["run 01a20bd0-ce5b-7000-8535-adb02d2d12f9", "run 01934f6e-7c00-7000-9d3a-5f0e3c1b2a49"],
  ["at 2026-11-24T09:00:00.000Z", "at 2027-01-02T03:04:05Z"],
  ["hash deadbeef01 differs", "hash 0123456789abcdef differs"],
  ["address 0x7ffe12", "address 0xdead"],
  ["to ada@example.org", "to grace@navy.example.com"],
  ["took 1.5 s of 30 s", "took 200 s of 3,000 s"],
  ["sync:c-881 is held", "sync:c-1 is held"],
  ["failed at -5", "failed at 5"],
  ["ids 1, 2, 3 are wrong", "ids 7, 8 are wrong"],
  ["one\nline 1 of details", "one\nother details"],
])("%j and %j are one", (a, b) => {
  expect(of(a)).toBe(of(b));
});

test.each([
  ["connection refused", "connection reset"],
  ["can't read it, won't write it", "can't write it, won't read it"],
  ["either and/or neither", "either and/nor neither"],
])("%j and %j are two", (a, b) => {
  expect(of(a)).not.toBe(of(b));
});

test("the class and the topmost own frame tell failures apart", () => {
  expect(of("alas", null, "TypeError")).not.toBe(of("alas", null, "RangeError"));
  expect(of("alas", STACK)).not.toBe(of("alas"));
  expect(of("alas", STACK)).not.toBe(of("alas", STACK.replace("send", "receive")));
  expect(of("alas", STACK)).not.toBe(of("alas", STACK.replaceAll("contact.ts", "invoice.ts")));
});

test("lines, folders, bundles' hashes, foreign frames and callers do not", () => {
  const known = of("alas", STACK);
  for (const [from, to] of [
    [":18:11", ":99:1"],
    ["/srv/app/src", "/home/ada/releases/20261124/src"],
    ["undici/lib/fetch.js", "undici/lib/other.js"],
    ["Object.run", "Object.other"],
    ["contact.ts:18", "contact.ts?v=2:18"],
  ] as const) {
    expect(of("alas", STACK.replace(from, to)), from).toBe(known);
  }
  const bundled = (hash: string) => `Error: alas\n    at run (/app/dist/main-${hash}.js:1:2)`;
  expect(of("alas", bundled("3f1c2ab9"))).toBe(of("alas", bundled("99ab01cd")));
});

test("frames that a message pretends to have are not taken for its own", () => {
  const message = "odd\n    at fake (/srv/evil.ts:1:1)";
  const stack = `Error: ${message}\n    at real (/srv/jobs/real.ts:1:1)`;
  expect(of(message, stack)).toBe(of("odd", "Error: odd\n    at real (/srv/jobs/real.ts:9:9)"));
});

test("where the error has no own frame, its cause's is taken", () => {
  const stack = (own: string) =>
    `Error: a\n    at x (node:net:1:2)\nCaused by: Error: b\n    at ${own} (/srv/jobs/a.ts:1:2)`;
  expect(of("a", stack("one"))).not.toBe(of("a", stack("two")));
});

test("a real error thrown on another line of the same function is the same", () => {
  const thrown = (n: number) => {
    if (n > 1) return toFailure(new TypeError(`value ${n}`));
    return toFailure(new TypeError(`value ${n}`));
  };
  expect(fingerprintOf(thrown(1))).toBe(fingerprintOf(thrown(2)));
});

test("anything has a fingerprint, soon", () => {
  const text = anyText({ maxLength: 2000 });
  fc.assert(
    fc.property(text, text, (message, stack) => {
      expect(of(message, stack)).toMatch(/^[0-9a-f]{16}$/);
    }),
  );
  const long = ["a@".repeat(9000), "1a-".repeat(9000), "(".repeat(9000), `'${"\\".repeat(9000)}`];
  for (const hostile of long) {
    const since = performance.now();
    of(hostile, `x\n${`    at ${hostile.slice(0, 900)}\n`.repeat(100)}`);
    expect(performance.now() - since).toBeLessThan(10_000);
  }
});
