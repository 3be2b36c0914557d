import { inspect } from "node:util";
import { MillraceError, SECRET_NAME_PATTERN } from "@millrace/core";
import { nonRetryable } from "../errors.ts";

const HOST_SECRET = Symbol.for("millrace.HostSecret");
const SECRET_HEADER = Symbol.for("millrace.SecretHeader");

/** A declaration of a secret that is bound to hosts; made by {@link hostSecret}. */
export interface HostSecretName<Name extends string = string> {
  readonly hostSecret: Name;
}

/**
 * Declares a secret that is bound to hosts: its handler gets no text, but a {@link HostSecret}, which `ctx.fetch` sends to those hosts alone.
 *
 * @example secrets: [hostSecret("CRM_TOKEN")]
 * @throws MillraceError `invalid_job`
 */
export function hostSecret<const Name extends string>(name: Name): HostSecretName<Name> {
  if (typeof name === "string" && SECRET_NAME_PATTERN.test(name)) {
    return Object.freeze({ hostSecret: name });
  }
  throw new MillraceError(
    "invalid_job",
    `hostSecret(${JSON.stringify(name)}): that is not the name of a secret; use upper case letters, digits and _, a letter first, 100 characters at most`,
  );
}

/** A secret that is bound to hosts, as whoever makes requests has it. */
export interface HostBound {
  readonly value: string;
  /** Such as `api.crm.example`, or `api.crm.example:8443`. */
  readonly hosts: readonly string[];
}

/**
 * A secret that is bound to hosts, as a handler has it: its name, and not its value. Give it to `ctx.fetch` in a header, as it is or by
 * {@link bearer} or {@link basic}. Whoever makes text of it, JSON or a step's result, is refused.
 */
export class HostSecret {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  /** On the prototype: the form of a step's value has no keys that are symbols. */
  get [HOST_SECRET](): true {
    return true;
  }

  toString(): never {
    throw noText(this.name);
  }

  toJSON(): never {
    throw noText(this.name);
  }

  [Symbol.toPrimitive](): never {
    throw noText(this.name);
  }

  [inspect.custom](): string {
    return `[secret ${this.name}]`;
  }
}

/** How a secret stands in a header. */
export type HeaderForm =
  | { readonly form: "raw" }
  | { readonly form: "bearer" }
  | { readonly form: "basic"; readonly user: string };

/** A header with a secret in it, as it crosses from one process to another: without its value. */
export type SecretHeaderParts = HeaderForm & { readonly secret: string };

/** A header into which `ctx.fetch` puts a secret; made by {@link bearer} and {@link basic}. */
export class SecretHeader {
  readonly parts: SecretHeaderParts;

  constructor(parts: SecretHeaderParts) {
    this.parts = Object.freeze(parts);
    Object.freeze(this);
  }

  get [SECRET_HEADER](): true {
    return true;
  }

  toString(): never {
    throw noText(this.parts.secret);
  }

  toJSON(): never {
    throw noText(this.parts.secret);
  }

  [Symbol.toPrimitive](): never {
    throw noText(this.parts.secret);
  }

  [inspect.custom](): string {
    return `[header with secret ${this.parts.secret}]`;
  }
}

/** The header `Authorization: Bearer …`, for `ctx.fetch`; of a text it is one. */
export function bearer(secret: string): string;
export function bearer(secret: HostSecret): SecretHeader;
export function bearer(secret: string | HostSecret): string | SecretHeader {
  if (isHostSecret(secret)) return new SecretHeader({ form: "bearer", secret: secret.name });
  return `Bearer ${requireText(secret, "bearer(secret)")}`;
}

/** The header `Authorization: Basic …` of a user and a password, for `ctx.fetch`; of a text it is one. */
export function basic(user: string, password: string): string;
export function basic(user: string, password: HostSecret): SecretHeader;
export function basic(user: string, password: string | HostSecret): string | SecretHeader {
  if (typeof user !== "string" || user.includes(":")) {
    throw new MillraceError("invalid_fetch", "basic(user, password): user must be text without :");
  }
  if (isHostSecret(password))
    return new SecretHeader({ form: "basic", user, secret: password.name });
  return basicText(user, requireText(password, "basic(user, password)"));
}

/** Whether it is one; it may come from another copy of this package. */
export function isHostSecret(value: unknown): value is HostSecret {
  return isMarked(value, HOST_SECRET);
}

export function isSecretHeader(value: unknown): value is SecretHeader {
  return isMarked(value, SECRET_HEADER);
}

/** The header as it is sent. */
export function headerText(parts: SecretHeaderParts, value: string): string {
  if (parts.form === "raw") return value;
  return parts.form === "bearer" ? `Bearer ${value}` : basicText(parts.user, value);
}

function basicText(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function requireText(given: unknown, what: string): string {
  if (typeof given === "string" && given !== "") return given;
  throw new MillraceError("invalid_fetch", `${what}: give a secret or text, not ${typeof given}`);
}

function isMarked(value: unknown, mark: symbol): boolean {
  return typeof value === "object" && value !== null && mark in value;
}

/** No other attempt would do otherwise. */
function noText(name: string): MillraceError {
  return nonRetryable(
    new MillraceError(
      "secret_exposed",
      `the secret ${name} is bound to hosts and has no text: give it to ctx.fetch in a header, as it is, by bearer(…) or by basic(user, …)`,
    ),
  );
}
