import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { startNode } from "../support/process.ts";
import { testServer } from "../support/test-server.ts";
import { OwnRedis } from "./own-redis.ts";

const NO_REDIS = "no redis-server is installed here";
const NO_OPENSSL = "openssl, which makes the certificate, is not installed here";

/** What a process says that opens this transport: its log, and whether it is up. */
async function opened(url: string, env: Record<string, string> = {}): Promise<string> {
  const script = join(import.meta.dirname, "open-once.mjs");
  const child = await startNode(script, [], { env: { ...env, MILLRACE_TRANSPORT: url } });
  await child.exited;
  return child.output;
}

/** A certificate for the name `localhost` alone, signed by itself; undefined where there is no openssl. */
function certificate(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "millrace-test-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const files = ["-keyout", key, "-out", cert];
  try {
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, ...names], {
      stdio: "ignore",
    });
    return { key, cert };
  } catch {
    return undefined;
  }
}

test("a server is asked for a certificate that somebody vouches for, with its own name", async ({
  skip,
}) => {
  if (!OwnRedis.installed) return skip(NO_REDIS);
  const files = certificate();
  if (!files) return skip(NO_OPENSSL);
  const port = await freePort();
  const redis = await OwnRedis.start([
    ...["--tls-port", String(port), "--tls-auth-clients", "no"],
    ...[
      "--tls-cert-file",
      files.cert,
      "--tls-key-file",
      files.key,
      "--tls-ca-cert-file",
      files.cert,
    ],
  ]);
  onTestFinished(() => redis.close());
  const trusting = { NODE_EXTRA_CA_CERTS: files.cert };

  const [unknown, otherName, plain, amqps, known] = await Promise.all([
    opened(`rediss://localhost:${port}`),
    opened(`rediss://127.0.0.1:${port}`, trusting),
    // Without TLS it says nothing: only the deadline ends it.
    opened(`rediss://localhost:${new URL(redis.url).port}`, { ...trusting, DEADLINE_MS: "3000" }),
    opened(`amqps://localhost:${port}`),
    opened(`rediss://localhost:${port}`, trusting),
  ]);
  expect(unknown).toMatch(/self-signed certificate[^]*^down/m);
  expect(otherName).toMatch(/IP: 127\.0\.0\.1 is not in the cert's list[^]*^down/m);
  expect(plain).toMatch(/^down/m);
  expect(amqps).toMatch(/self-signed certificate[^]*^down/m);
  expect(known).toMatch(/^up$/m);
});

test("a password that is refused is shown nowhere", async ({ skip }) => {
  if (!OwnRedis.installed) return skip(NO_REDIS);
  const redis = await OwnRedis.start();
  onTestFinished(() => redis.close());
  await redis.ask((client) => client.acl("SETUSER", "robot", "on", ">right", "~*", "+@all"));
  const at = new URL(await testServer("rabbitmq"));
  const [one, other] = await Promise.all([
    opened(redis.url.replace("redis://", "redis://robot:hunter2@")),
    opened(`amqp://robot:hunter2@${at.host}`),
  ]);
  expect(one).toMatch(/WRONGPASS[^]*^down/m);
  expect(other).toMatch(/ACCESS_REFUSED|ACCESS-REFUSED[^]*^down/m);
  for (const output of [one, other]) expect(output).not.toContain("hunter2");
  expect(await opened(redis.url.replace("redis://", "redis://robot:right@"))).toMatch(/^up$/m);
});
