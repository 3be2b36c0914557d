import {
  type Backoff,
  type BackoffOptions,
  type Duration,
  MillraceError,
  type RateLimitOptions,
  backoff,
  durationMs,
  rateOf,
} from "@millrace/core";
import type { GatePolicy } from "./host-gate.ts";

const IS_HOST = Symbol.for("millrace.host");

/** How `ctx.fetch` tries again by itself, within one attempt of the run. */
export interface FetchRetryOptions extends BackoffOptions {
  /**
   * Also requests that may do something twice, such as a POST without an `Idempotency-Key`. Default false: GET, HEAD, OPTIONS, PUT, DELETE,
   * and whatever has such a header.
   */
  anyMethod?: boolean;
}

/** When calls of a host that fails stop for a while. */
export interface BreakerOptions {
  /** So many failures in a row, 1 to 1,000: no answer, or one of 500 and more. Default 5. */
  failures?: number;
  /** For so long nothing is sent then. Default `'30s'`. */
  openFor?: Duration;
}

/** A host as an author writes it. All of it holds for each worker process by itself. */
export interface HostOptions {
  /** Scheme, name and port, such as `https://api.crm.example`. */
  url: string;
  /** How many calls may begin in a length of time. Default: as many as come. */
  rateLimit?: Pick<RateLimitOptions, "limit" | "per" | "burst">;
  /** How many calls are under way at once, 1 to 10,000. Default 20. */
  concurrency?: number;
  /** A call that would have to wait longer for its turn fails instead. Default `'30s'`. */
  maxWait?: Duration;
  /** How long a try may take until its answer begins. Default `'30s'`. */
  timeout?: Duration;
  /** Default: 3 tries, from 200 ms to 10 s between them. False for none. */
  retry?: FetchRetryOptions | false;
  /** False for none. */
  breaker?: BreakerOptions | false;
}

/** Tries of one call. */
export interface FetchRetry extends Backoff {
  readonly anyMethod: boolean;
}

/** What holds for calls of a host. */
export interface HostPolicy extends GatePolicy {
  readonly timeoutMs: number;
  readonly retry: FetchRetry;
}

/** A host as the platform uses it: every option checked and filled in. */
export interface Host {
  /** As in {@link URL.origin}: what a URL that is called begins with. */
  readonly url: string;
  /** Null for one that is only named: the defaults hold, unless somebody else defines it. */
  readonly policy: HostPolicy | null;
}

/** What holds for hosts that nobody has defined. */
export const DEFAULT_POLICY: HostPolicy = {
  concurrency: 20,
  rate: null,
  maxWaitMs: 30_000,
  breaker: { failures: 5, openMs: 30_000 },
  timeoutMs: 30_000,
  retry: { maxAttempts: 3, firstDelayMs: 200, factor: 2, maxDelayMs: 10_000, anyMethod: false },
};

const KNOWN = ["url", "rateLimit", "concurrency", "maxWait", "timeout", "retry", "breaker"];

/** Longer than any attempt needs; a timer of Node takes no more. */
const MAX_MS = 2 ** 31 - 1;

/**
 * Defines how a host is called that jobs name in `hosts`. They may call it though it is no public address, and without TLS: it is named by code,
 * and not by an input.
 *
 * @example
 *   export const crm = defineHost({ url: "https://api.crm.example", rateLimit: { limit: 10, per: "1s" } });
 *   export const push = defineJob({ name: "push", hosts: [crm], run: (_input, ctx) => ctx.fetch(`${crm.url}/contacts`) … });
 *
 * @throws MillraceError `invalid_host` naming the option
 */
export function defineHost(options: HostOptions): Host {
  const url = originOf(options.url);
  const where = `host ${url}`;
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) {
    refuse(`${where}: ${unknown} is not an option; the options are ${KNOWN.join(", ")}`);
  }
  return hostWith(
    url,
    inHost(where, () => policyOf(options)),
  );
}

function hostWith(url: string, policy: HostPolicy | null): Host {
  const host: Host = { url, policy };
  Object.defineProperty(host, IS_HOST, { value: true });
  return Object.freeze(host);
}

/** Whether a value is a host; it may come from another copy of this package. */
function isHost(value: unknown): value is Host {
  return typeof value === "object" && value !== null && IS_HOST in value;
}

/**
 * The hosts of a job: each defined, or a URL that is called by the defaults.
 *
 * @throws MillraceError `invalid_job`, `invalid_host`
 */
export function hostsOf(given: readonly (Host | string)[], job: string): readonly Host[] {
  if (!Array.isArray(given)) {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: hosts must be a list of hosts, such as ["https://api.crm.example"]`,
    );
  }
  const hosts = given.map((one) => {
    if (typeof one === "string") return hostWith(originOf(one), null);
    if (isHost(one)) return one;
    throw new MillraceError(
      "invalid_job",
      `job ${job}: hosts: one of them is neither a URL nor made by defineHost`,
    );
  });
  const twice = hosts.find(({ url }, place) => hosts.findIndex((h) => h.url === url) < place);
  if (!twice) return Object.freeze(hosts);
  throw new MillraceError("invalid_job", `job ${job}: hosts: ${twice.url} is named twice`);
}

/** @throws MillraceError `invalid_duration`, `invalid_job` */
export function fetchRetryOf(
  given: FetchRetryOptions | false,
  base: FetchRetry,
  where: string,
): FetchRetry {
  if (given === false) return { ...base, maxAttempts: 1 };
  const { anyMethod = base.anyMethod, ...options } = given;
  if (typeof anyMethod !== "boolean") refuse(`${where}.anyMethod is true or false`);
  return { ...backoff(options, base, where), anyMethod };
}

/** @throws MillraceError `invalid_duration`, `invalid_host` */
export function timeoutOf(given: Duration, where: string): number {
  const ms = durationMs(given, where);
  if (ms >= 1 && ms <= MAX_MS) return ms;
  return refuse(`${where}: it must be from 1ms to 24d`);
}

function policyOf(options: HostOptions): HostPolicy {
  const { rateLimit, concurrency = DEFAULT_POLICY.concurrency, maxWait, timeout } = options;
  if (!isWhole(concurrency, 10_000)) {
    refuse(`concurrency: ${concurrency} is not a whole number from 1 to 10000`);
  }
  const { maxWaitMs, timeoutMs, retry } = DEFAULT_POLICY;
  return {
    concurrency,
    rate: rateLimit
      ? rateOf(onlyKnown(rateLimit, ["limit", "per", "burst"], "rateLimit"), "rateLimit")
      : null,
    maxWaitMs: maxWait === undefined ? maxWaitMs : timeoutOf(maxWait, "maxWait"),
    breaker: breakerOf(options.breaker ?? {}),
    timeoutMs: timeout === undefined ? timeoutMs : timeoutOf(timeout, "timeout"),
    retry: fetchRetryOf(options.retry ?? {}, retry, "retry"),
  };
}

function breakerOf(given: BreakerOptions | false): HostPolicy["breaker"] {
  if (given === false) return null;
  const { failures = 5, openFor = "30s" } = onlyKnown(given, ["failures", "openFor"], "breaker");
  if (!isWhole(failures, 1000)) {
    refuse(`breaker.failures: ${failures} is not a whole number from 1 to 1000`);
  }
  return { failures, openMs: timeoutOf(openFor, "breaker.openFor") };
}

function onlyKnown<T extends object>(given: T, known: readonly string[], where: string): T {
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return given;
  return refuse(`${where}.${unknown} is not an option; the options are ${known.join(", ")}`);
}

function originOf(text: string): string {
  const example = "write scheme, name and port alone, such as https://api.crm.example";
  if (typeof text !== "string" || !URL.canParse(text)) {
    return refuse(`host: url ${JSON.stringify(text)} is no URL; ${example}`);
  }
  const url = new URL(text);
  const web = url.protocol === "https:" || url.protocol === "http:";
  const bare = url.pathname === "/" && url.search === "" && url.hash === "";
  if (web && bare && url.username === "" && url.password === "") return url.origin;
  return refuse(`host: url ${JSON.stringify(url.origin)} has more than that; ${example}`);
}

/** Whatever is wrong with an option is wrong with the host. */
function inHost<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError("invalid_host", `${where}: ${error.message}`);
  }
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}

function refuse(why: string): never {
  throw new MillraceError("invalid_host", why);
}
