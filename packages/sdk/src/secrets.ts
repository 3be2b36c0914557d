import { MillraceError, SECRET_NAME_PATTERN } from "@millrace/core";

/** What a handler gets of the secrets that its job declares. */
export type SecretsOf<Name extends string> = { readonly [N in Name]: string };

/** Secrets by their names, as they cross from one process to another. */
export type SecretValues = Readonly<Record<string, string>>;

/**
 * The secrets of a job as its handler sees them. To ask for one that the job does not declare is an error, and not `undefined`, which would
 * be sent to somebody as a token.
 */
export function secretsFor(job: string, values: SecretValues): SecretValues {
  const own = Object.freeze(Object.assign(Object.create(null) as object, values)) as SecretValues;
  return new Proxy(own, {
    get: (held, name) => {
      if (typeof name !== "string" || name in held || !SECRET_NAME_PATTERN.test(name)) {
        return Reflect.get(held, name) as unknown;
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
export function givenSecrets(
  { name: job, secrets }: { readonly name: string; readonly secrets: readonly string[] },
  given: SecretValues,
  how: string,
): SecretValues {
  const missing = secrets.filter((name) => typeof given[name] !== "string");
  if (missing.length === 0) {
    return Object.fromEntries(secrets.map((name): [string, string] => [name, given[name]!]));
  }
  throw new MillraceError(
    "secret_missing",
    `job ${job} declares the secrets ${missing.join(", ")}, which were not given; pass ${how}`,
  );
}
