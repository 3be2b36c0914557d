import { inspect } from "node:util";
import { MillraceError, SECRET_NAME_PATTERN } from "@millrace/core";
import { type HostBound, HostSecret, type HostSecretName } from "./http/host-secret.ts";

/** A secret as a job declares it: its name, for one that it gets as text, or `hostSecret(name)`. */
export type SecretDeclaration = string | HostSecretName;

/** What a handler gets of the secrets that its job declares. */
export type SecretsOf<Declared extends SecretDeclaration> = {
  readonly [
    D in Declared as D extends HostSecretName<infer Name> ? Name : D & string
  ]: D extends string ? string : HostSecret;
};

/** Secrets as handlers get them, by their names. */
export type SecretValues = Readonly<Record<string, string | HostSecret>>;

/** Secrets as whoever runs a handler has them, by their names: text, or what is bound to hosts. */
export type HeldSecrets = Readonly<Record<string, string | HostBound>>;

/** The part of a job that says which secrets it gets. */
export interface WantsSecrets {
  readonly name: string;
  readonly secrets: readonly string[];
  /** Those among them that are bound to hosts. */
  readonly hostSecrets: readonly string[];
}

/** Whoever prints a whole context sees the names. */
const PRINTED = Object.freeze(
  Object.create(null, {
    [inspect.custom]: {
      value(this: SecretValues) {
        return `[secrets ${Object.keys(this).join(", ")}]`;
      },
    },
  }) as object,
);

/**
 * The secrets of a job as its handler sees them: those that are bound to hosts without their values. To ask for one that the job does not
 * declare is an error, and not `undefined`, which would be sent to somebody as a token.
 */
export function secretsFor(job: string, held: HeldSecrets): SecretValues {
  const values = Object.entries(held).map(([name, value]): [string, string | HostSecret] => [
    name,
    typeof value === "string" ? value : new HostSecret(name),
  ]);
  const own = Object.freeze(
    Object.assign(Object.create(PRINTED) as object, Object.fromEntries(values)),
  ) as SecretValues;
  return new Proxy(own, {
    get: (known, name) => {
      if (typeof name !== "string" || name in known || !SECRET_NAME_PATTERN.test(name)) {
        return Reflect.get(known, name) as unknown;
      }
      throw new MillraceError(
        "secret_missing",
        `job ${job} does not declare the secret ${name}; add it to its secrets: [${JSON.stringify(name)}]`,
      );
    },
  });
}

/**
 * Those that a job declares, out of what was given in their place.
 *
 * @param how what to write to give them
 * @throws MillraceError `secret_missing`
 */
export function givenSecrets(job: WantsSecrets, given: HeldSecrets, how: string): HeldSecrets {
  const missing = job.secrets.filter((name) => !isHeld(given[name]));
  if (missing.length > 0) {
    throw new MillraceError(
      "secret_missing",
      `job ${job.name} declares the secrets ${missing.join(", ")}, which were not given; pass ${how}`,
    );
  }
  const held = Object.fromEntries(
    job.secrets.map((name): [string, string | HostBound] => [name, given[name]!]),
  );
  requireKinds(job, held);
  return held;
}

function isHeld(given: unknown): boolean {
  if (typeof given === "string") return true;
  const { value, hosts } = (given ?? {}) as Partial<HostBound>;
  return typeof value === "string" && Array.isArray(hosts);
}

/**
 * Holds secrets to what the job has declared them to be: text that is bound to hosts would be sent anywhere, and a handler that expects text gets
 * nowhere with what is none.
 *
 * @throws MillraceError `secret_missing`
 */
export function requireKinds(job: WantsSecrets, held: HeldSecrets): void {
  const troubles = job.secrets.flatMap((name) => {
    const bound = typeof held[name] !== "string";
    if (bound === job.hostSecrets.includes(name)) return [];
    const declare = `hostSecret(${JSON.stringify(name)})`;
    return bound
      ? [`${name}: it is bound to hosts; declare it as ${declare}, and give it to ctx.fetch`]
      : [
          `${name}: the job declares it as ${declare}, and it is bound to no hosts; set it with --host`,
        ];
  });
  if (troubles.length === 0) return;
  throw new MillraceError(
    "secret_missing",
    `job ${job.name} does not get its secrets: ${troubles.join("; ")}`,
  );
}
