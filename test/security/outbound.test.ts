import { AllowedHosts, OutboundGuard, type Resolve } from "millrace";
import { expect, test } from "vitest";
import { guardedPost } from "../../packages/server/src/security/guarded-post.ts";
import { Masks } from "../../packages/server/src/security/masks.ts";
import { receivingServer } from "../support/receiving-server.ts";

function post(url: string, allowed: string[], resolve?: Resolve, timeoutMs = 5000) {
  const guard = new OutboundGuard(new AllowedHosts(allowed), resolve);
  return guardedPost(guard, url, {
    headers: {},
    body: Buffer.from("secret"),
    masks: new Masks(),
    timeoutMs,
  });
}

const blocked = expect.objectContaining({ code: "blocked_destination" });

test("S7: a server of this machine gets no byte, by whatever name it is called", async () => {
  const server = await receivingServer();
  const port = server.host.split(":")[1]!;
  for (const host of [
    ...["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "0", "１２７.0.0.1"],
    ...["[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "127.0.0.1.", "localhost"],
    "user@127.0.0.1",
  ]) {
    for (const scheme of ["https", "http"]) {
      const url = `${scheme}://${host}:${port}/`;
      await expect(post(url, []), url).rejects.toEqual(blocked);
    }
  }
  expect(server.connections).toBe(0);
});

test("S7: a name whose address changes after it was looked at leads nowhere else", async () => {
  const server = await receivingServer();
  const url = `https://flipping.example:${server.host.split(":")[1]!}/`;
  let asked = 0;
  // First what may be, where nobody listens; then what may not. As a DNS server would answer that waits for the second question.
  const flipping: Resolve = async () => [
    { address: ++asked === 1 ? "127.0.0.2" : "127.0.0.1", family: 4 },
  ];
  const allowed = ["127.0.0.2/32"];
  await expect(post(url, allowed, flipping)).rejects.toThrow(/ECONNREFUSED|EADDRNOTAVAIL/);
  expect(asked).toBe(1);
  await expect(post(url, allowed, flipping)).rejects.toEqual(blocked);
  const both: Resolve = async () => [
    { address: "127.0.0.2", family: 4 },
    { address: "127.0.0.1", family: 4 },
  ];
  await expect(post(url, allowed, both)).rejects.toEqual(blocked);
  expect(server.connections).toBe(0);
});

test("S7: what is connected to is the very answer that was checked, asked for once", async () => {
  const server = await receivingServer();
  const port = server.host.split(":")[1]!;
  let asked = 0;
  const once: Resolve = async () => {
    const address = ++asked === 1 ? "127.0.0.1" : "203.0.113.1";
    return [{ address, family: 4 }];
  };
  const answer = await post(`http://crm.internal:${port}/x`, ["crm.internal"], once);
  expect([answer.status, asked, server.received[0]?.headers.host]).toEqual([
    204,
    1,
    `crm.internal:${port}`,
  ]);
});

test("S7: a redirect is an answer, and is not followed", async () => {
  const inner = await receivingServer();
  const server = await receivingServer((response) =>
    response.writeHead(302, { location: inner.url }).end(),
  );
  const answer = await post(server.url, [server.host, inner.host]);
  expect(answer.status).toBe(302);
  expect([server.connections, inner.connections]).toEqual([1, 0]);
});

test("what the other side says is read for a KiB, and waited for as long as is said", async () => {
  const server = await receivingServer((response, { path }) => {
    if (path === "/silent") return;
    response.writeHead(500);
    response.end("x".repeat(5 * 1024 * 1024));
  });
  const base = `http://${server.host}`;
  const answer = await post(`${base}/long`, [server.host]);
  expect([answer.status, answer.text]).toEqual([500, "x".repeat(1024)]);
  await expect(post(`${base}/silent`, [server.host], undefined, 200)).rejects.toThrow(
    "no answer within 0.2 s",
  );
});
