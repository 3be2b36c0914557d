import { DEFAULT_PROJECT, PERSON_ROLES, didYouMean, isName } from "@millrace/core";
import { z } from "zod";
import { AllowedHosts } from "@millrace/sdk/http";
import { KeyRing } from "../security/key-ring.ts";
import { isManagerUrl } from "../security/managers/manager-url.ts";
import { type VaultServer, readVaultUrl } from "../security/managers/vault-url.ts";
import { type Dsn, readDsn } from "../telemetry/sentry/dsn.ts";
import { readTransportUrl } from "../transport/transport-url.ts";
import { readValueUrl } from "../value-store/value-url.ts";
import { LEVELS } from "../worker/log-line.ts";
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
import { TRACING_VARIABLES } from "./tracing-settings.ts";
import { WEIGHTS_HINT, readWeights } from "./weights.ts";

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

export type Variable = keyof typeof VARIABLES;

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

/** Belongs to the project's own tests. */
const RESERVED = "MILLRACE_TEST_";

/** A sentence for each variable that looks like ours and is not. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = Object.keys(VARIABLES);
  return Object.keys(env)
    .filter((name) => name.startsWith("MILLRACE_") && !name.startsWith(RESERVED))
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is not a setting, and does nothing${didYouMean(name, known)}`);
}
