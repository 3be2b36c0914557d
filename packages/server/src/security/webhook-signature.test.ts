import { createHmac } from "node:crypto";
import { WEBHOOK_SCHEMES, type WebhookScheme } from "@millrace/core";
import { expect, test } from "vitest";
import {
  newStandardSecret,
  signStandard,
  signatureTrouble,
  webhookKey,
} from "./webhook-signature.ts";

const AT = 1_700_000_000;
const BODY = Buffer.from('{"id":"evt_1", "amount": 1.0, "text":"ü"}');

const SECRETS: Record<WebhookScheme, string> = {
  standard: newStandardSecret(),
  github: "the secret of the repository",
  stripe: "whsec_0123456789abcdef",
  slack: "8f742231b10e8888abcd99yyyzzz85a5",
};

/** As the documents of each service say it, and not as our code does it. */
function signed(scheme: WebhookScheme, secret: string, body = BODY, at = AT) {
  const hex = (content: string | Buffer, key: string | Buffer = secret) =>
    createHmac("sha256", key).update(content).digest("hex");
  const text = body.toString("latin1");
  const bytes = (content: string) => Buffer.from(content, "latin1");
  switch (scheme) {
    case "standard": {
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      const signature = createHmac("sha256", key).update(bytes(`msg_1.${at}.${text}`));
      return {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(at),
        "webhook-signature": `v1,${signature.digest("base64")}`,
      };
    }
    case "github":
      return { "x-hub-signature-256": `sha256=${hex(body)}` };
    case "stripe":
      return { "stripe-signature": `t=${at},v1=${hex(bytes(`${at}.${text}`))},v0=${hex("old")}` };
    case "slack":
      return {
        "x-slack-request-timestamp": String(at),
        "x-slack-signature": `v0=${hex(bytes(`v0:${at}:${text}`))}`,
      };
  }
}

function trouble(
  scheme: WebhookScheme,
  headers: Record<string, string | undefined>,
  {
    body = BODY,
    secrets = [SECRETS[scheme]],
    now = AT,
  }: Partial<{
    body: Buffer;
    secrets: string[];
    now: number;
  }> = {},
) {
  const keys = secrets.map((secret) => webhookKey(scheme, secret));
  return signatureTrouble(scheme, keys, { headers, body }, now * 1000 + 500);
}

test("S14: what the services publish as examples of their signatures is taken", () => {
  const standard = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  expect(
    trouble("standard", standard, {
      body: Buffer.from('{"test": 2432232314}'),
      secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
      now: 1_614_265_330,
    }),
  ).toBe(undefined);
  const github = {
    "x-hub-signature-256":
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
  };
  expect(
    trouble("github", github, {
      body: Buffer.from("Hello, World!"),
      secrets: ["It's a Secret to Everybody"],
    }),
  ).toBe(undefined);
  const slack = {
    "x-slack-request-timestamp": "1531420618",
    "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
  };
  const form =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
  expect(trouble("slack", slack, { body: Buffer.from(form), now: 1_531_420_618 })).toBe(undefined);
});

test.each(WEBHOOK_SCHEMES)(
  "S14: %s: any byte that is changed, in body, time or signature, is found",
  (scheme) => {
    const headers = signed(scheme, SECRETS[scheme]);
    expect(trouble(scheme, headers)).toBe(undefined);
    for (let place = 0; place < BODY.length; place++) {
      const body = Buffer.from(BODY);
      body[place]! ^= 1;
      expect(trouble(scheme, headers, { body }), `byte ${place}`).toBeTypeOf("string");
    }
    for (const body of [
      Buffer.from(JSON.stringify(JSON.parse(BODY.toString()))),
      Buffer.concat([BODY, Buffer.from("\n")]),
      Buffer.alloc(0),
    ]) {
      expect(trouble(scheme, headers, { body })).toBeTypeOf("string");
    }
    for (const [name, value] of Object.entries(headers)) {
      expect(trouble(scheme, { ...headers, [name]: undefined }), name).toBeTypeOf("string");
      // The last four say nothing of one form of signature that is not looked at, and of the bits that base64 leaves.
      for (let place = 0; place < value.length - (scheme === "stripe" ? 68 : 2); place++) {
        const other = value[place] === "0" ? "1" : "0";
        const changed = value.slice(0, place) + other + value.slice(place + 1);
        expect(trouble(scheme, { ...headers, [name]: changed }), changed).toBeTypeOf("string");
      }
    }
  },
);

test.each(WEBHOOK_SCHEMES)(
  "S14: %s: another secret is refused, and one of several is enough",
  (scheme) => {
    const other = scheme === "standard" ? newStandardSecret() : "another secret altogether";
    const headers = signed(scheme, SECRETS[scheme]);
    expect(trouble(scheme, headers, { secrets: [other] })).toBeTypeOf("string");
    expect(trouble(scheme, headers, { secrets: [] })).toBeTypeOf("string");
    expect(trouble(scheme, headers, { secrets: [other, SECRETS[scheme]] })).toBe(undefined);
  },
);

test.each(["standard", "stripe", "slack"] as const)(
  "S14: %s: a time is taken that is five minutes off, and not a second more",
  (scheme) => {
    for (const [off, taken] of [
      ...([
        [-300, true],
        [300, true],
        [-301, false],
        [301, false],
      ] as const),
    ]) {
      const headers = signed(scheme, SECRETS[scheme], BODY, AT + off);
      const says = trouble(scheme, headers);
      if (taken) expect(says, String(off)).toBe(undefined);
      else expect(says, String(off)).toContain("5 minutes");
    }
    const headers = signed(scheme, SECRETS[scheme]);
    for (const time of ["", "1e9", "-1", "0x65", `0${AT}`, `${AT}.0`, "NaN", "9".repeat(13)]) {
      const changed = Object.entries<string>(headers).map(([name, value]) => [
        name,
        value.replace(String(AT), time),
      ]);
      expect(trouble(scheme, Object.fromEntries(changed)), time).toBeTypeOf("string");
    }
  },
);

test("S14: of several signatures of Standard Webhooks one of version 1 must be right", () => {
  const headers = signed("standard", SECRETS.standard);
  const right = headers["webhook-signature"]!;
  const list = (text: string) => trouble("standard", { ...headers, "webhook-signature": text });
  expect(list(`v1a,aaaa v1,AAAA ${right}`)).toBe(undefined);
  expect(list(right.replace("v1,", "v2,"))).toBeTypeOf("string");
  expect(list(right.replace("v1,", ""))).toBeTypeOf("string");
  expect(list("v1,")).toBeTypeOf("string");
});

test("a secret of Standard Webhooks has 24 to 64 bytes of base64", () => {
  const secret = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;
  for (const bytes of [24, 32, 64])
    expect(webhookKey("standard", secret(bytes)).length).toBe(bytes);
  for (const bytes of [0, 23, 65]) {
    expect(() => webhookKey("standard", secret(bytes))).toThrow(/24 to 64 bytes/);
  }
  expect(() => webhookKey("standard", "whsec_not base64 at all, whatever it is")).toThrow(/base64/);
  expect(webhookKey("standard", newStandardSecret()).length).toBe(32);
  expect(() => webhookKey("github", "short")).toThrow(/8 bytes/);
});

test("what is signed here is taken here", () => {
  const key = webhookKey("standard", SECRETS.standard);
  const signature = signStandard(key, "id-1", String(AT), BODY);
  const headers = {
    "webhook-id": "id-1",
    "webhook-timestamp": String(AT),
    "webhook-signature": signature,
  };
  expect(trouble("standard", headers)).toBe(undefined);
});
