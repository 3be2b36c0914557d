import { MillraceError } from "./errors.ts";

/** As names of variables: upper case, digits and `_`, a letter first; 100 characters at most. */
export const SECRET_NAME_PATTERN = /^[A-Z][A-Z0-9_]{0,99}$/;

/** What is shorter stands in too many texts by chance to be masked in them. */
export const MIN_SECRET_LENGTH = 8;

/** In characters. */
export const MAX_SECRET_LENGTH = 65_536;

/** @throws MillraceError `invalid_job` naming what is wrong */
export function requireSecretNames(names: readonly string[], job: string): readonly string[] {
  if (!Array.isArray(names)) {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: secrets must be a list of names, such as ["CRM_TOKEN"]`,
    );
  }
  const wrong = names.find((name) => typeof name !== "string" || !SECRET_NAME_PATTERN.test(name));
  if (wrong !== undefined) {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: secrets: ${JSON.stringify(wrong)} is not the name of a secret; use upper case letters, digits and _, a letter first, 100 characters at most`,
    );
  }
  return Object.freeze([...new Set(names)]);
}
