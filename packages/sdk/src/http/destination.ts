import { MillraceError } from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import { plainName } from "./allowed-hosts.ts";
import type { Host } from "./define-host.ts";
import { requireHeaderText } from "./fetch-order.ts";
import type { Hop } from "./hop.ts";
import { type HostBound, headerText } from "./host-secret.ts";
import type { OutboundGuard } from "./outbound-guard.ts";

/** Where a request goes, once that was found to be right. */
export interface Destination {
  /** Whether code names the host, so that no guard looks at its addresses. */
  readonly trusted: boolean;
  /** Those of the request, with the values of secrets. */
  readonly headers: readonly (readonly [string, string])[];
}

export interface DestinationRules {
  readonly guard: OutboundGuard;
  /** Those that the job names. */
  readonly hosts: readonly Host[];
  readonly secretOf: (name: string) => HostBound | undefined;
}

/**
 * Holds a request to what it may reach, before there is a connection.
 *
 * @throws MillraceError `blocked_destination`, `destination_not_allowed`, `secret_missing`, `invalid_fetch`
 */
export function requireDestination(hop: Hop, rules: DestinationRules): Destination {
  const { url } = hop;
  const secret = hop.headers.some(([, value]) => typeof value !== "string");
  // What is bound to hosts goes to no inner address that code alone names.
  const trusted = !secret && rules.hosts.some((host) => host.url === url.origin);
  try {
    const headers = hop.headers.map((header) => resolved(header, url, rules));
    if (!trusted || url.username !== "" || url.password !== "") rules.guard.check(url.href);
    return { trusted, headers };
  } catch (error) {
    throw error instanceof MillraceError ? nonRetryable(told(error, hop, rules)) : error;
  }
}

function resolved(
  [name, value]: Hop["headers"][number],
  url: URL,
  { guard, secretOf }: DestinationRules,
): readonly [string, string] {
  if (typeof value === "string") return [name, value];
  const bound = secretOf(value.secret);
  if (!bound) {
    throw new MillraceError(
      "secret_missing",
      `the job does not get the secret ${value.secret}; add hostSecret(${JSON.stringify(value.secret)}) to its secrets`,
    );
  }
  const host = hostOf(url);
  if (!bound.hosts.includes(host)) {
    throw new MillraceError(
      "destination_not_allowed",
      `the secret ${value.secret} is bound to ${bound.hosts.join(", ")}, and is not sent to ${host}; an admin can set it again with --host ${host}`,
    );
  }
  if (url.protocol !== "https:" && !(isLoopback(url) && guard.lists(url))) {
    throw new MillraceError(
      "destination_not_allowed",
      `the secret ${value.secret} is sent by https alone, and ${url.origin} has no TLS`,
    );
  }
  return [name, requireHeaderText(name, headerText(value, bound.value))];
}

/** As secrets name hosts: with a port, unless that is the one of https. */
function hostOf({ hostname, port, protocol }: URL): string {
  const name = hostname.startsWith("[") ? hostname : plainName(hostname);
  const asked = port || (protocol === "https:" ? "443" : "80");
  return asked === "443" ? name : `${name}:${asked}`;
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** The guard does not know whose request it is. */
function told(error: MillraceError, { url, headers }: Hop, { hosts }: DestinationRules) {
  if (error.code !== "blocked_destination") return error;
  const named = hosts.some((host) => host.url === url.origin);
  const secret = headers.some(([, value]) => typeof value !== "string");
  const hint =
    named && secret
      ? "; a request with a secret that is bound to hosts may go to an inner address only where that is listed"
      : `; if code of yours is to call it, name it in the hosts of the job: hosts: [${JSON.stringify(url.origin)}]`;
  return new MillraceError(error.code, `${url.host}: ${error.message}${hint}`);
}
