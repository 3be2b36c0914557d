import { expect, test } from "vitest";
import { AllowedHosts } from "./allowed-hosts.ts";
import { type Address, OutboundGuard } from "./outbound-guard.ts";

const INNER = [
  ...["127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
  ...["169.254.169.254", "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.255.255.255"],
  ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.2.1"],
  ...["198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1"],
  ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "fec0::1"],
  ...["::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::7f00:1", "::127.0.0.1", "64:ff9b::7f00:1"],
  ...["64:ff9b::808:808", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:808:808::1"],
  ...["2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "100::1", "5f00::1", "4000::1"],
];

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "172.32.0.1",
  "100.128.0.1",
  "2606:4700::1111",
  "2001:4860::1",
];

function guard(allowed: string[] = [], answers: Address[] = []) {
  return new OutboundGuard(new AllowedHosts(allowed), async () => answers);
}

function inUrl(address: string): string {
  return address.includes(":") ? `[${address.split("%")[0]}]` : address;
}

function answer(address: string): Address {
  return { address, family: address.includes(":") ? 6 : 4 };
}

/** What a connection would be told of a name that has these addresses. */
function connected(to: OutboundGuard, url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    to.lookupFor(new URL(url))("name.example", { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    );
  });
}

const blocked = expect.objectContaining({ code: "blocked_destination" });

test("S7: no address is connected to that is not everybody's, however one comes to it", async () => {
  for (const address of INNER) {
    expect(() => guard().check(`https://${inUrl(address)}/x`), address).toThrow(blocked);
    const answers = [answer(PUBLIC[0]!), answer(address)];
    const url = "https://name.example/";
    await expect(connected(guard([], answers), url), address).rejects.toEqual(blocked);
  }
  for (const address of PUBLIC) {
    expect(guard().check(`https://${inUrl(address)}/x`).pathname).toBe("/x");
    const answers = [answer(address)];
    expect(await connected(guard([], answers), "https://name.example/")).toEqual(answers);
  }
});

test("S7: no spelling of an inner address gets past", () => {
  for (const host of [
    ...[
      "2130706433",
      "0x7f.1",
      "0x7f000001",
      "017700000001",
      "0177.0.0.01",
      "127.1",
      "0",
      "127.0.1",
    ],
    ...[
      "１２７.０.０.１",
      "①②⑦.⓪.⓪.①",
      "127。0。0。1",
      "127.0.0.1.",
      "0x7F.0X1",
      "%31%32%37.0.0.1",
    ],
    ...["[::ffff:a9fe:a9fe]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[0:0:0:0:0:0:0:1]"],
    ...["2852039166", "0xa9fea9fe", "169.254.43518", "[::]", "[::1]:8080", "3232235521", "10.1"],
  ]) {
    expect(() => guard().check(`https://${host}/`), host).toThrow(blocked);
  }
});

test("S7: what is not plainly https, or says who asks, is no destination", () => {
  for (const url of [
    ...["http://example.com/", "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/"],
    ...["javascript:alert(1)", "data:text/plain,x", "https:", "https://", "example.com", "", "//x"],
    ...["https://user@example.com/", "https://user:pw@example.com/", "https://:pw@example.com/"],
    ...["https://exa mple.com/", "https://[::1/", "https://256.256.256.256/"],
  ]) {
    expect(() => guard().check(url), url).toThrow(blocked);
  }
  expect(guard().check("https://example.com/a?b").href).toBe("https://example.com/a?b");
});

test("an error says nothing of the address that a name has", async () => {
  const says = await connected(guard([], [answer("10.1.2.3")]), "https://name.example/").catch(
    (error: Error) => error.message,
  );
  expect(says).toContain("MILLRACE_ALLOWED_HOSTS");
  expect(says).not.toContain("10.1.2.3");
});

test("what an operator has listed is reached, and nothing beside it", async () => {
  const listed = guard(["crm.internal", "Hooks.internal:8080", "10.20.0.0/16", "[fd00::1]:443"]);
  for (const url of [
    ...["http://crm.internal/", "https://crm.internal:99/", "https://CRM.internal./"],
    ...["http://hooks.internal:8080/", "http://10.20.1.2:1234/", "https://[fd00::1]/"],
  ]) {
    expect(listed.check(url).protocol, url).toMatch(/^https?:$/);
  }
  for (const url of [
    ...[
      "http://hooks.internal/",
      "http://x.crm.internal/",
      "http://10.21.0.1/",
      "ftp://crm.internal/",
    ],
    ...["https://[fd00::1]:444/", "https://[fd00::2]/", "http://crm.internal.example/"],
    "http://user@crm.internal/",
  ]) {
    expect(() => listed.check(url), url).toThrow(blocked);
  }
  const inner = [answer("192.168.3.4")];
  const named = guard(["crm.internal"], inner);
  expect(await connected(named, "http://crm.internal/")).toEqual(inner);
  await expect(connected(named, "https://other.internal/")).rejects.toEqual(blocked);
  const range = guard(["10.20.0.0/16"], [answer("10.20.9.9"), answer("8.8.8.8")]);
  expect(await connected(range, "https://any.example/")).toHaveLength(2);
});

test("a list says which of its items is neither a host nor a range", () => {
  for (const item of [
    "http://crm",
    "crm/x",
    "10.0.0.0/33",
    "a:b",
    "*",
    "a@b",
    "crm:99999",
    "[::1",
  ]) {
    expect(() => new AllowedHosts(["fine", item]), item).toThrow(JSON.stringify(item));
  }
});
