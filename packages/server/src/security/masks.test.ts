import { describe, expect, test } from "vitest";
import { Masks } from "./masks.ts";

const TOKEN = 'q7+/=& "ö\\x9Zk2';

function masksOf(secrets: Record<string, string>): Masks {
  return Masks.of(secrets);
}

function userOf(text: string): string {
  const url = new URL("https://host/");
  url.username = text;
  return url.username;
}

describe("a secret is masked", () => {
  const masks = masksOf({ CRM_TOKEN: TOKEN });
  const bytes = Buffer.from(TOKEN);

  test.each<[string, string]>([
    ["as it is", TOKEN],
    ["in base64", bytes.toString("base64")],
    ["in base64 without its padding", bytes.toString("base64").replaceAll("=", "")],
    ["in base64 for URLs", bytes.toString("base64url")],
    ["in hexadecimal", bytes.toString("hex")],
    ["in upper hexadecimal", bytes.toString("hex").toUpperCase()],
    ["escaped for URLs", encodeURIComponent(TOKEN)],
    [
      "escaped for URLs in lower case",
      encodeURIComponent(TOKEN).replaceAll(/%../g, (escape) => escape.toLowerCase()),
    ],
    ["in the path of a URL", new URL(`https://host/${TOKEN}`).pathname.slice(1)],
    ["in the query of a URL", new URL(`https://host/?${TOKEN}`).search.slice(1)],
    ["as the user of a URL", userOf(TOKEN)],
    ["in a form", new URLSearchParams({ a: TOKEN }).toString().slice(2)],
    ["in JSON", JSON.stringify(TOKEN).slice(1, -1)],
    ["in JSON in JSON", JSON.stringify(JSON.stringify(TOKEN)).slice(3, -3)],
  ])("%s", (_, written) => {
    expect(masks.mask(`before ${written} after`)).toBe("before [secret CRM_TOKEN] after");
    expect(masks.nameIn(`x${written}x`)).toBe("CRM_TOKEN");
  });

  test.each(["", "u", "us", "user:", "a longer user:"])(
    "within what was encoded with it: basic authentication of %j",
    (user) => {
      for (const after of ["", "!", "!!", "@host"]) {
        const header = Buffer.from(`${user}${TOKEN}${after}`).toString("base64");
        const masked = masks.mask(`Basic ${header}`);
        expect(masked).toContain("[secret CRM_TOKEN]");
        const left = masked.replace("Basic ", "").replace("[secret CRM_TOKEN]", "");
        expect(left.length).toBeLessThan(user.length * 1.4 + after.length * 1.4 + 6);
      }
    },
  );

  test("each of its lines too, but not those that frame a key", () => {
    const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----";
    const keys = masksOf({ KEY: pem });
    expect(keys.mask("a line: kqhkiG9w0BAQEF")).toBe("a line: [secret KEY]");
    expect(keys.mask(`all: ${pem}`)).toBe("all: [secret KEY]");
    expect(keys.mask("-----BEGIN KEY-----")).toBe("-----BEGIN KEY-----");
  });

  test("of one that contains another, the longer one", () => {
    const both = masksOf({ SHORT: "abcdefgh", LONG: "abcdefgh-ijkl" });
    expect(both.mask("abcdefgh-ijkl abcdefgh")).toBe("[secret LONG] [secret SHORT]");
  });

  test("in JSON, which is JSON afterwards, also as a number and as a key", () => {
    const pin = masksOf({ PIN: "1234567890" });
    const json = JSON.stringify({ n: 1234567890, "1234567890": ["x1234567890"], b: true });
    expect(JSON.parse(pin.maskJson(json))).toEqual({
      n: "[secret PIN]",
      "[secret PIN]": ["x[secret PIN]"],
      b: true,
    });
    expect(pin.maskJson('{"a" :1}')).toBe('{"a" :1}');
  });

  test("where a text was cut in it within another", () => {
    const piece = TOKEN.slice(0, 9);
    expect(masks.mask(`GET host/${piece}… (cut) answered 404; ${piece}`)).toBe(
      `GET host/[secret CRM_TOKEN]… (cut) answered 404; ${piece}`,
    );
  });

  test("where a text was cut in it", () => {
    const long = masksOf({ LONG: "0123456789abcdef" });
    expect(long.mask("the token 0123456789… (cut)")).toBe("the token [secret LONG]… (cut)");
    expect(long.maskTail("89abcdef was the token")).toBe("[secret LONG] was the token");
    expect(long.mask("a name such as 0123456789")).toBe("a name such as 0123456789");
  });
});

test("the values that a secret had before are masked too", () => {
  const masks = masksOf({ CRM_TOKEN: "the-first-one" });
  masks.add("CRM_TOKEN", "the-second-one");
  expect(masks.mask("the-first-one the-second-one")).toBe("[secret CRM_TOKEN] [secret CRM_TOKEN]");
});

test("without secrets nothing is touched", () => {
  const masks = new Masks();
  expect([masks.empty, masks.mask("text"), masks.maskJson("[1]")]).toEqual([true, "text", "[1]"]);
});
