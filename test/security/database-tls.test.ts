import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { databaseConfig } from "../../packages/server/src/security/database-tls.ts";
import { createDatabase } from "../support/database.ts";

/** An address of this machine that is not its loopback, so that it stands for another machine. */
const ELSEWHERE = Object.values(networkInterfaces())
  .flat()
  .find((at) => at && !at.internal && at.family === "IPv4")?.address;

interface Certificate {
  key: string;
  cert: string;
  /** The file of the latter. */
  file: string;
}

/** Signed by itself, for a name or an address; undefined where there is no openssl. */
function certificate(name: string): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), "millrace-test-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [key, file] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const names = ["-subj", "/CN=database", "-addext", `subjectAltName=${name}`];
  try {
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file, ...names],
      { stdio: "ignore" },
    );
    return { key: readFileSync(key, "utf8"), cert: readFileSync(file, "utf8"), file };
  } catch {
    return undefined;
  }
}

/** A door to the test's PostgreSQL on another address, which speaks TLS with this certificate, or says that it has none. */
async function door(url: string, certified: Certificate | undefined): Promise<string> {
  const inside = new URL(url);
  const said: Buffer[] = [];
  const server = createServer((outside) => {
    outside.on("error", () => {});
    // The first is the eight bytes of SSLRequest: https://www.postgresql.org/docs/current/protocol-flow.html
    outside.once("data", (first) => {
      said.push(first);
      outside.write(certified ? "S" : "N");
      if (!certified) return outside.on("data", (more) => void said.push(more));
      passOn(new TLSSocket(outside, { isServer: true, ...certified }));
    });
  });
  function passOn(open: TLSSocket) {
    const to: Socket = connect(Number(inside.port || 5432), inside.hostname);
    for (const socket of [open, to])
      socket.on("error", () => [open, to].map((one) => one.destroy()));
    open.pipe(to).pipe(open);
  }
  await new Promise<void>((resolve) => server.listen(0, ELSEWHERE, resolve));
  onTestFinished(() => {
    server.close();
    expect(Buffer.concat(said).toString()).not.toContain("hunter2");
  });
  const through = new URL(url);
  through.hostname = ELSEWHERE!;
  through.port = String((server.address() as AddressInfo).port);
  if (!through.password) through.password = "hunter2";
  return through.href;
}

/** What comes of a connection: `up`, or why not. */
async function tried(url: string): Promise<string> {
  const client = new pg.Client({ ...databaseConfig(url), connectionTimeoutMillis: 10_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ up: string }>("select 'up' as up");
    return rows[0]!.up;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

test("S20: a database on another machine must have a certificate that somebody vouches for, with its own address", async ({
  skip,
}) => {
  if (!ELSEWHERE) return skip("this machine has no address but its own loopback");
  const right = certificate(`IP:${ELSEWHERE}`);
  const other = certificate("DNS:localhost");
  if (!right || !other) return skip("openssl, which makes the certificate, is not installed here");
  const { url, drop } = await createDatabase();
  onTestFinished(drop);

  const at = await door(url, right);
  expect(await tried(at)).toMatch(/self-signed certificate/);
  expect(await tried(`${at}?sslrootcert=${right.file}`)).toBe("up");
  expect(await tried(`${at}?sslmode=verify-full&sslrootcert=${right.file}`)).toBe("up");
  expect(await tried(`${await door(url, other)}?sslrootcert=${other.file}`)).toMatch(
    /is not in the cert's list/,
  );
  expect(await tried(await door(url, undefined))).toMatch(/does not support SSL connections/);
});
