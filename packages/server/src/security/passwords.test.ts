import { expect, test } from "vitest";
import { Passwords } from "./passwords.ts";

const EMAIL = "ana@example.com";
const GOOD = "a lamp, a fern and a kettle";

const quick = new Passwords({ ln: 4, r: 8, p: 1 });

test("a hash says with what it was made, has a salt of its own, and is that of one password", async () => {
  const [one, other] = [await quick.hash(GOOD, EMAIL), await quick.hash(GOOD, EMAIL)];
  expect(one).toMatch(/^\$scrypt\$ln=4,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(other);
  expect(await quick.matches(GOOD, one)).toBe(true);
  expect(await quick.matches(`${GOOD} `, one)).toBe(false);
  expect(await quick.matches(GOOD.toUpperCase(), one)).toBe(false);
});

test("new hashes are as strong as OWASP asks for, and older ones are still read, and told", async () => {
  const now = new Passwords();
  const strong = await now.hash(GOOD, EMAIL);
  expect(strong).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$/);
  const old = await quick.hash(GOOD, EMAIL);
  expect(await now.matches(GOOD, old)).toBe(true);
  expect([now.isDated(old), now.isDated(strong)]).toEqual([true, false]);
});

test("a password is the same however a keyboard composes it", async () => {
  const hash = await quick.hash("caf\u00e9 caf\u00e9 caf\u00e9", EMAIL);
  expect(await quick.matches("cafe\u0301 cafe\u0301 cafe\u0301", hash)).toBe(true);
});

test.each([
  ["eleven char", "11 characters"],
  ["x".repeat(12), "first that anybody would try"],
  ["abcabcabcabc", "first that anybody would try"],
  ["Password1234", "first that anybody would try"],
  ["1qaz2wsx3edc", "first that anybody would try"],
  ["abcdefghijklmnop", "first that anybody would try"],
  ["ANA@example.com1", "the e-mail address"],
  [`${GOOD}${"!".repeat(110)}`, "137 characters"],
])("%s is no password", async (password, says) => {
  await expect(quick.hash(password, EMAIL)).rejects.toMatchObject({
    code: "invalid_password",
    message: expect.stringContaining(says),
  });
});

test.each([
  "only small letters",
  "パスワードは長いほうが良い",
  `${"word ".repeat(20)}end`,
  "🐟🐠🐡🦈🐙🦑🦐🦞🦀🐚🐳🐬",
])("%s is one: nothing is asked of what it is made", async (password) => {
  await expect(quick.hash(password, EMAIL)).resolves.toMatch(/^\$scrypt/);
});

test("what is no hash matches nothing, and costs a hash", async () => {
  for (const stored of [
    undefined,
    null,
    "",
    GOOD,
    "$scrypt$ln=40,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  ]) {
    expect(await quick.matches(GOOD, stored)).toBe(false);
  }
  // A thousand times the work of the quick one: half a second, and no less for who is not there.
  const slow = new Passwords({ ln: 14, r: 8, p: 1 });
  const stored = await slow.hash(GOOD, EMAIL);
  const timeOf = async (hash: string | undefined) => {
    let least = Infinity;
    for (let n = 0; n < 5; n++) {
      const started = performance.now();
      await slow.matches("a lamp, a fern and a cat", hash);
      least = Math.min(least, performance.now() - started);
    }
    return least;
  };
  const [known, unknown] = [await timeOf(stored), await timeOf(undefined)];
  expect(unknown).toBeGreaterThan(known / 4);
});

test("a flood waits for its turn or is sent away, and whoever comes after it is let in", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, () => quick.matches(GOOD, undefined)),
  );
  const refused = outcomes.filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(18);
  expect(refused[0]).toMatchObject({ reason: { code: "login_busy" } });
  expect(await quick.matches(GOOD, await quick.hash(GOOD, EMAIL))).toBe(true);
});
