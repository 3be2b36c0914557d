import path from "node:path";
import {
  DEFAULT_PROJECT,
  MillraceError,
  PERSON_ROLES,
  type PersonRole,
  didYouMean,
  isName,
} from "@millrace/core";
import { z } from "zod";
import { AllowedHosts } from "@millrace/sdk/http";
import { isLoopback } from "../runtime/loopback.ts";
import { KeyRing } from "../security/key-ring.ts";
import { isManagerUrl } from "../security/managers/manager-url.ts";
import { type VaultServer, readVaultUrl } from "../security/managers/vault-url.ts";
import type { SignOnSettings } from "../security/sign-on.ts";
import type { LogLevel } from "../telemetry/logger.ts";
import { type Dsn, readDsn } from "../telemetry/sentry/dsn.ts";
import { readTransportUrl } from "../transport/transport-url.ts";
import { readValueUrl } from "../value-store/value-url.ts";
import { LEVELS, type Level } from "../worker/log-line.ts";
import { samplesIn } from "./sample-settings.ts";
import {
  address,
  duration,
  isIssuer,
  isNetwork,
  isPlain,
  isUrlOf,
  list,
  port,
  postgresUrl,
  readRoles,
  retention,
  share,
  whole,
} from "./setting-forms.ts";
import { requireTogether } from "./settings-together.ts";
import {
  TRACING_VARIABLES,
  type TracingSettings,
  readTracing,
  tracingTroubles,
} from "./tracing-settings.ts";
import { WEIGHTS_HINT, readWeights } from "./weights.ts";

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

/** One variable of the environment. A test holds docs/settings.md to this table. */
export const VARIABLES = {
  DATABASE_URL: postgresUrl().optional(),
  MILLRACE_LISTEN_URL: postgresUrl().optional(),
  MILLRACE_LIVE_DATABASE_URL: postgresUrl().optional(),
  MILLRACE_HOST: address().prefault("127.0.0.1"),
  MILLRACE_PORT: port().prefault("4700"),
  MILLRACE_PROBE_HOST: address().prefault("127.0.0.1"),
  MILLRACE_PROBE_PORT: port().optional(),
  MILLRACE_HOME: z.string().prefault(".millrace"),
  MILLRACE_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{20,200}$/, "write 20 to 200 printable characters without blanks")
    .optional(),
  MILLRACE_SECRET_KEYS: list()
    .transform((texts, context) => {
      try {
        return new KeyRing(texts);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .optional(),
  MILLRACE_VAULT: z
    .string()
    .transform((text, context): VaultServer => {
      try {
        return readVaultUrl(text);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .optional(),
  MILLRACE_VAULT_CREDENTIAL: z
    .string()
    .regex(
      /^(file:\/[^\0\r\n]+|(?!file:)[\x21-\x7e]+)$/,
      "write a token, a secret id, or file: and the absolute path of a file with one",
    )
    .optional(),
  MILLRACE_GCP_SECRETS: z
    .string()
    .refine(
      isManagerUrl,
      "write the address of another Secret Manager, such as https://secretmanager.example.com, without a slash at its end",
    )
    .optional(),
  MILLRACE_AZURE_VAULTS: z
    .string()
    .refine(
      (text) => text.includes("{vault}") && isManagerUrl(text.replace("{vault}", "vault")),
      "write the address of a vault with {vault} in the place of its name, such as https://{vault}.vault.azure.cn, without a slash at its end",
    )
    .optional(),
  MILLRACE_SECRET_LEASE: duration("MILLRACE_SECRET_LEASE", 10_000, 3_600_000, "10s to 1h").prefault(
    "5m",
  ),
  MILLRACE_URL: z
    .string()
    .refine(
      (text) => isUrlOf(text, ["http:", "https:"]) && !new URL(text).username,
      "write the server's address, such as https://millrace.example.com, without user or password",
    )
    .optional(),
  MILLRACE_PUBLIC_URL: z
    .string()
    .refine(
      (text) => isUrlOf(text, ["http:", "https:"]) && isPlain(new URL(text)),
      "write the address that people have for the server, such as https://millrace.example.com, without user, password, query and fragment",
    )
    .transform((text) => new URL(text).href.replace(/\/+$/, ""))
    .optional(),
  MILLRACE_ALLOWED_HOSTS: list()
    .transform((items, context) => {
      try {
        return new AllowedHosts(items);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .prefault(""),
  MILLRACE_TRUSTED_PROXIES: list()
    .refine(
      (items) => items.every(isNetwork),
      "write addresses or networks with commas between them, such as 10.0.0.0/8",
    )
    .prefault(""),
  MILLRACE_REQUIRE_SECOND_FACTOR: list()
    .pipe(
      z.array(
        z.enum(PERSON_ROLES, `write roles with commas between them: ${PERSON_ROLES.join(", ")}`),
      ),
    )
    .prefault(""),
  MILLRACE_OIDC_ISSUER: z
    .string()
    .refine(
      (text) => isUrlOf(text, ["http:", "https:"]) && isIssuer(new URL(text)),
      "write the issuer's address by https, such as https://login.example.com, without user, password, query and fragment",
    )
    .optional(),
  MILLRACE_OIDC_CLIENT_ID: z.string().max(1000).optional(),
  MILLRACE_OIDC_CLIENT_SECRET: z.string().max(1000).optional(),
  MILLRACE_OIDC_SCOPE: z
    .string()
    .refine((text) => text.split(" ").includes("openid"), "write scopes, openid among them")
    .prefault("openid email profile"),
  MILLRACE_OIDC_ROLE_CLAIM: z.string().max(200).optional(),
  MILLRACE_OIDC_ROLES: list()
    .transform((items, context) => {
      const roles = readRoles(items);
      if (roles) return roles;
      context.addIssue(
        `write value=role with commas between them; the roles are ${PERSON_ROLES.join(", ")}`,
      );
      return z.NEVER;
    })
    .optional(),
  MILLRACE_JOBS: list().prefault(""),
  MILLRACE_PROJECT: z
    .string()
    .refine(
      isName,
      "write the name of a project: lower case letters and digits, with single . _ - : or / between them",
    )
    .prefault(DEFAULT_PROJECT),
  MILLRACE_QUEUES: list()
    .transform((items, context) => {
      const weights = readWeights(items);
      if (weights) return weights;
      context.addIssue(WEIGHTS_HINT);
      return z.NEVER;
    })
    .optional(),
  MILLRACE_API_RATE: whole(0, 100_000, "0 for no limit").prefault("1000"),
  MILLRACE_CONCURRENCY: whole(1, 10_000).prefault("20"),
  MILLRACE_LEASE: duration("MILLRACE_LEASE", 2000, 600_000, "2s to 10m").prefault("12s"),
  MILLRACE_DRAIN: duration("MILLRACE_DRAIN", 0, 3_600_000, "0s to 1h").prefault("20s"),
  MILLRACE_RETENTION: retention("MILLRACE_RETENTION").prefault("90d"),
  MILLRACE_LOG_RETENTION: retention("MILLRACE_LOG_RETENTION").prefault("forever"),
  MILLRACE_PROCESSES: whole(1, 1000).optional(),
  MILLRACE_THREADS: whole(1, 1000).optional(),
  MILLRACE_JOB_ENV: list()
    .refine(
      (names) => names.every((name) => /^\w+$/.test(name)),
      "write names of variables with commas between them",
    )
    .refine(
      (names) => !names.some((name) => name === "DATABASE_URL" || /^MILLRACE_/i.test(name)),
      "DATABASE_URL and MILLRACE_ variables are not for jobs; give them variables of their own",
    )
    .prefault(""),
  MILLRACE_BLOCK: duration("MILLRACE_BLOCK", 100, 600_000, "100ms to 10m").prefault("1s"),
  MILLRACE_LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"], {
      error: "write debug, info, warn, error or silent",
    })
    .prefault("info"),
  SENTRY_DSN: z
    .string()
    .transform((text, context): Dsn => {
      try {
        return readDsn(text);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .optional(),
  SENTRY_ENVIRONMENT: z
    .string()
    .regex(/^(?!None$)[^/\s]{1,64}$/, "write up to 64 characters without blanks and slashes")
    .prefault("production"),
  SENTRY_RELEASE: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\\\s]{1,200}$/, "write up to 200 characters without blanks and slashes")
    .optional(),
  SENTRY_NAME: z.string().max(200).optional(),
  SENTRY_SAMPLE_RATE: share().prefault("1"),
  MILLRACE_SENTRY_ATTEMPTS: z
    .enum(["final", "all"], { error: "write final or all" })
    .prefault("final"),
  MILLRACE_RUN_LOG_LEVEL: z
    .enum([...LEVELS, "none"], { error: "write debug, info, warn, error or none" })
    .prefault("info"),
  MILLRACE_TRANSPORT: z
    .string()
    .superRefine((text, context) => {
      try {
        readTransportUrl(text);
      } catch (error) {
        context.addIssue((error as Error).message);
      }
    })
    .prefault("postgres"),
  MILLRACE_VALUE_STORE: z
    .string()
    .superRefine((text, context) => {
      try {
        readValueUrl(text);
      } catch (error) {
        context.addIssue((error as Error).message);
      }
    })
    .optional(),
  MILLRACE_TRACE_URL: z
    .string()
    .refine(
      (text) =>
        text.includes("{traceId}") &&
        isUrlOf(text.replaceAll("{traceId}", "0af7651916cd43dd8448eb211c80319c"), [
          "http:",
          "https:",
        ]),
      "write the address of a trace with {traceId} in the place of its id, such as https://jaeger.example.com/trace/{traceId}",
    )
    .optional(),
  ...TRACING_VARIABLES,
  MILLRACE_DB_ACCOUNT: z.string().optional(),
  MILLRACE_PG_NATIVE: z.string().optional(),
} as const;

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

/** Belongs to the project's own tests. */
const RESERVED = "MILLRACE_TEST_";

export type Variable = keyof typeof VARIABLES;

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

const SECRET_VARIABLES: readonly Variable[] = [
  "DATABASE_URL",
  "MILLRACE_LISTEN_URL",
  "MILLRACE_LIVE_DATABASE_URL",
  "MILLRACE_API_KEY",
  "MILLRACE_SECRET_KEYS",
  "MILLRACE_VAULT_CREDENTIAL",
  "MILLRACE_OIDC_CLIENT_SECRET",
  "MILLRACE_TRANSPORT",
  "SENTRY_DSN",
  "OTEL_EXPORTER_OTLP_HEADERS",
];

/** Whether the value of a variable may be, or contain, something secret. */
export function isSecret(name: string): boolean {
  return SECRET_VARIABLES.some((secret) => secret === name);
}

/** A sentence for each variable that looks like ours and is not. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = Object.keys(VARIABLES);
  return Object.keys(env)
    .filter((name) => name.startsWith("MILLRACE_") && !name.startsWith(RESERVED))
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is not a setting, and does nothing${didYouMean(name, known)}`);
}
