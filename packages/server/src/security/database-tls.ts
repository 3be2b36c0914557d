import type pg from "pg";
import { isLoopback } from "../runtime/loopback.ts";

/** How what is said to a database is kept from others: it does not leave the machine, TLS is checked, or somebody has said that it need not be. */
export type DatabaseTls = "local" | "verified" | "off";

/** What check the certificate and its name, as pg reads them. */
const VERIFYING = ["verify-full", "verify-ca", "require"];

const HOW =
  "another machine is spoken to by TLS with a certificate that is checked; leave sslmode away or write verify-full (sslrootcert=FILE or NODE_EXTRA_CA_CERTS for an authority of your own), or sslmode=disable for a network on which nobody listens";

/**
 * Reads how a `postgres://` URL wants it. The default is not libpq's, which speaks in the clear when the server has no TLS, and believes any
 * certificate.
 *
 * @throws Error that says what to write, without a word of the URL
 */
export function databaseTls(url: string): DatabaseTls {
  const { hostname, searchParams } = new URL(url);
  const host = searchParams.get("host") ?? decodeURIComponent(hostname);
  const local = host === "" || host.startsWith("/") || isLoopback(host);
  const mode = searchParams.get("sslmode");
  if (mode === "disable") return local ? "local" : "off";
  if (local && mode === null) return "local";
  const loose = ["ssl", "uselibpqcompat"].some((name) => searchParams.has(name));
  if (loose || (mode !== null && !VERIFYING.includes(mode))) {
    if (local) return "local";
    throw new Error(HOW);
  }
  return "verified";
}

/** How pg connects to a URL. */
export function databaseConfig(url: string): pg.ClientConfig {
  const asked = new URL(url).searchParams.has("sslmode");
  // What the URL says goes before what stands beside it.
  const seal = databaseTls(url) === "verified" && !asked;
  return { connectionString: url, ...(seal && { ssl: true }) };
}
