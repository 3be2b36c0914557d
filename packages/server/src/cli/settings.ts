import path from "node:path";
import { MillraceError, type PersonRole } from "@millrace/core";
import { z } from "zod";
import type { AllowedHosts } from "@millrace/sdk/http";
import { isLoopback } from "../runtime/loopback.ts";
import type { KeyRing } from "../security/key-ring.ts";
import type { VaultServer } from "../security/managers/vault-url.ts";
import type { SignOnSettings } from "../security/sign-on.ts";
import type { LogLevel } from "../telemetry/logger.ts";
import { type Dsn } from "../telemetry/sentry/dsn.ts";
import { type Level } from "../worker/log-line.ts";
import { samplesIn } from "./sample-settings.ts";
import { requireTogether } from "./settings-together.ts";
import { type TracingSettings, readTracing, tracingTroubles } from "./tracing-settings.ts";
import { VARIABLES, type Variable } from "./setting-variables.ts";

/** Everything that the environment may say, checked. Durations are milliseconds, paths absolute. */
export interface Settings {
  readonly databaseUrl: string | undefined;
  /** The same database without a pooler, for the sessions that listen. */
  readonly listenUrl: string | undefined;
  /** Where who watches is told from, such as a replica; undefined for the database itself. */
  readonly liveDatabaseUrl: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly probeHost: string;
  /** Of `/healthz` and `/metrics` without a key; undefined: closed. */
  readonly probePort: number | undefined;
  readonly home: string;
  readonly apiKey: string | undefined;
  /** Under which secrets are encrypted; undefined for those of the home. */
  readonly secretKeys: KeyRing | undefined;
  /** Where `vault:` secrets lie. */
  readonly vault: VaultServer | undefined;
  /** A token or the like, or `file:` and the path of it. */
  readonly vaultCredential: string | undefined;
  /** Another address than Google's. */
  readonly gcpSecrets: string | undefined;
  /** The address of a vault of Azure's, with `{vault}` in the place of its name. */
  readonly azureVaults: string | undefined;
  readonly secretLeaseMs: number;
  readonly url: string | undefined;
  /** The address that people have for the server, without a slash at its end. */
  readonly publicUrl: string | undefined;
  /** Where webhooks may be sent though it is no public address. */
  readonly allowedHosts: AllowedHosts;
  /** Addresses and networks of proxies that say for whom they ask. */
  readonly trustedProxies: readonly string[];
  /** Who must have a second factor when they log in by a password. */
  readonly requireSecondFactor: readonly PersonRole[];
  /** By whom else people may be told; undefined: by nobody. */
  readonly signOn: SignOnSettings | undefined;
  readonly jobs: readonly string[];
  /** In which the jobs of this process are registered. */
  readonly project: string;
  /** Where a worker takes runs from, and the weight of each. */
  readonly queues: ReadonlyMap<string, number> | undefined;
  /** Requests a second that each caller of the API may send to a process; 0 for no limit. */
  readonly apiRate: number;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly drainMs: number;
  /** Infinity for ever. */
  readonly retentionMs: number;
  /** Of their logs; Infinity for as long as the runs. */
  readonly logRetentionMs: number;
  readonly processes: number | undefined;
  readonly threads: number | undefined;
  readonly jobEnv: readonly string[];
  readonly blockMs: number;
  readonly logLevel: LogLevel;
  /** The least level of what handlers log that is kept with their runs. */
  readonly runLogLevel: Level | "none";
  /** Who is told of errors that nobody handled; undefined: nobody. */
  readonly sentry: SentrySettings | undefined;
  /** `postgres`, or the URL of a broker, which may hold a password. */
  readonly transport: string;
  /** Where spans are sent, if they are. */
  readonly tracing: TracingSettings | undefined;
  /** The address of a trace, with `{traceId}` in the place of its id. */
  readonly traceUrl: string | undefined;
  /** URL of the store for large values of steps. */
  readonly valueStore: string | undefined;
  readonly dbAccount: string | undefined;
  readonly pgNative: string | undefined;
}

export interface SentrySettings {
  readonly dsn: Dsn;
  readonly environment: string;
  readonly release: string | undefined;
  /** What this server is called there. */
  readonly serverName: string | undefined;
  readonly sampleRate: number;
  /** Of which failed attempts it is told: those after which nothing more is tried, or of all. */
  readonly attempts: "final" | "all";
}

/** What one variable alone does not show. */
const SETTINGS = z.object(VARIABLES).superRefine((read, context) => {
  const { MILLRACE_VAULT: vault, MILLRACE_VAULT_CREDENTIAL: credential } = read;
  const wrong = (name: Variable, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  if (credential !== undefined && !vault) {
    wrong("MILLRACE_VAULT", "write the address of Vault, which MILLRACE_VAULT_CREDENTIAL is for");
  }
  if (vault && vault.auth !== "kubernetes" && credential === undefined) {
    const what = vault.auth === "token" ? "the token" : "the secret id";
    wrong("MILLRACE_VAULT_CREDENTIAL", `write ${what} for MILLRACE_VAULT, or file: and its path`);
  }
  const endpoint = read.SENTRY_DSN?.endpoint;
  const secure = !endpoint || endpoint.protocol === "https:" || isLoopback(endpoint.hostname);
  if (!secure && !read.MILLRACE_ALLOWED_HOSTS.names(endpoint)) {
    wrong(
      "SENTRY_DSN",
      "errors would cross the network in the clear; use https, or add its host to MILLRACE_ALLOWED_HOSTS",
    );
  }
  for (const { name, message } of tracingTroubles(read)) wrong(name, message);
});

/** Which option of the command line gave a variable its value, to be named instead of it. */
export type Flags = Partial<Record<Variable, string>>;

/**
 * Reads the environment; an empty variable counts as absent.
 *
 * @param cwd what relative paths are relative to
 * @throws MillraceError `invalid_setting`, which names every wrong variable at once and shows no value: it may be secret
 */
export function readSettings(env: NodeJS.ProcessEnv, cwd: string, flags: Flags = {}): Settings {
  const given = Object.fromEntries(
    Object.keys(VARIABLES).map((name) => [name, env[name]?.trim() || undefined]),
  );
  const result = SETTINGS.safeParse(given);
  const issues = result.error?.issues ?? [];
  const wrong = issues.map(({ path: [name], message }) => ({ name: name as Variable, message }));
  if (env["NODE_ENV"] === "production") wrong.push(...samplesIn(given));
  if (!result.success || wrong.length > 0) {
    const lines = wrong.map(({ name, message }) => `${flags[name] ?? name}: ${message}`);
    throw new MillraceError("invalid_setting", lines.join("\n"));
  }
  const read = result.data;
  requireTogether(given);
  return Object.freeze({
    databaseUrl: read.DATABASE_URL,
    listenUrl: read.MILLRACE_LISTEN_URL,
    liveDatabaseUrl: read.MILLRACE_LIVE_DATABASE_URL,
    host: read.MILLRACE_HOST,
    port: read.MILLRACE_PORT,
    probeHost: read.MILLRACE_PROBE_HOST,
    probePort: read.MILLRACE_PROBE_PORT,
    home: path.resolve(cwd, read.MILLRACE_HOME),
    apiKey: read.MILLRACE_API_KEY,
    secretKeys: read.MILLRACE_SECRET_KEYS,
    vault: read.MILLRACE_VAULT,
    vaultCredential: read.MILLRACE_VAULT_CREDENTIAL,
    gcpSecrets: read.MILLRACE_GCP_SECRETS,
    azureVaults: read.MILLRACE_AZURE_VAULTS,
    secretLeaseMs: read.MILLRACE_SECRET_LEASE,
    url: read.MILLRACE_URL,
    publicUrl: read.MILLRACE_PUBLIC_URL,
    allowedHosts: read.MILLRACE_ALLOWED_HOSTS,
    trustedProxies: read.MILLRACE_TRUSTED_PROXIES,
    requireSecondFactor: read.MILLRACE_REQUIRE_SECOND_FACTOR,
    signOn:
      read.MILLRACE_OIDC_ISSUER === undefined
        ? undefined
        : {
            issuer: read.MILLRACE_OIDC_ISSUER,
            clientId: read.MILLRACE_OIDC_CLIENT_ID!,
            clientSecret: read.MILLRACE_OIDC_CLIENT_SECRET,
            scope: read.MILLRACE_OIDC_SCOPE,
            roleClaim: read.MILLRACE_OIDC_ROLE_CLAIM,
            roles: read.MILLRACE_OIDC_ROLES ?? new Map<string, PersonRole>(),
          },
    jobs: read.MILLRACE_JOBS,
    project: read.MILLRACE_PROJECT,
    queues: read.MILLRACE_QUEUES,
    apiRate: read.MILLRACE_API_RATE,
    concurrency: read.MILLRACE_CONCURRENCY,
    leaseMs: read.MILLRACE_LEASE,
    drainMs: read.MILLRACE_DRAIN,
    retentionMs: read.MILLRACE_RETENTION,
    logRetentionMs: read.MILLRACE_LOG_RETENTION,
    processes: read.MILLRACE_PROCESSES,
    threads: read.MILLRACE_THREADS,
    jobEnv: read.MILLRACE_JOB_ENV,
    blockMs: read.MILLRACE_BLOCK,
    logLevel: read.MILLRACE_LOG_LEVEL,
    runLogLevel: read.MILLRACE_RUN_LOG_LEVEL,
    sentry: read.SENTRY_DSN && {
      dsn: read.SENTRY_DSN,
      environment: read.SENTRY_ENVIRONMENT,
      release: read.SENTRY_RELEASE,
      serverName: read.SENTRY_NAME,
      sampleRate: read.SENTRY_SAMPLE_RATE,
      attempts: read.MILLRACE_SENTRY_ATTEMPTS,
    },
    transport: read.MILLRACE_TRANSPORT,
    tracing: readTracing(read),
    traceUrl: read.MILLRACE_TRACE_URL,
    valueStore: read.MILLRACE_VALUE_STORE,
    dbAccount: read.MILLRACE_DB_ACCOUNT,
    pgNative: read.MILLRACE_PG_NATIVE && path.resolve(cwd, read.MILLRACE_PG_NATIVE),
  });
}
