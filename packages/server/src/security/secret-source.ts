import { MAX_SECRET_LENGTH, MIN_SECRET_LENGTH, MillraceError } from "@millrace/core";
import { environmentTrouble } from "./environment-source.ts";
import { fileTrouble } from "./file-source.ts";

/** Where the values of secrets lie that are not stored. */
export interface SecretSource {
  /**
   * @param place in it, as the secret says
   * @returns the value as it lies there
   * @throws Error whose message says what is wrong, and holds nothing of the value
   */
  resolve(place: string): Promise<string>;
}

/** Each kind of place has a form, by which a mistake shows when it is written. */
const KINDS = { env: environmentTrouble, file: fileTrouble } as const;

export type SourceKind = keyof typeof KINDS;

/** Of each kind one, as a worker has them. */
export type SecretSources = Readonly<Record<SourceKind, SecretSource>>;

const NOT_YET = ["vault", "aws-sm", "gcp-sm", "azure-kv", "1password", "op"];

/**
 * Where a secret refers to, such as `env:CRM_TOKEN` or `file:/run/secrets/crm`.
 *
 * @throws MillraceError `invalid_request`
 */
export function readReference(text: string): { kind: SourceKind; place: string } {
  const [, kind = "", place = ""] = /^([a-z0-9-]+):(.*)$/s.exec(text) ?? [];
  if (NOT_YET.includes(kind)) {
    throw wrong(`${kind}: is not there yet; the sources are env: and file:`);
  }
  if (kind !== "env" && kind !== "file") {
    throw wrong("not a source; write env:VARIABLE or file:/absolute/path");
  }
  const trouble = KINDS[kind](place);
  if (trouble === undefined) return { kind, place };
  throw wrong(trouble);
}

/** The value as handlers get it: without one end of a line at its end, which `echo` and editors put there. */
export function secretValue(text: string): string {
  return text.replace(/\r?\n$/, "");
}

/** Why a value cannot be a secret; undefined when it can. */
export function valueTrouble({ length }: string): string | undefined {
  if (length >= MIN_SECRET_LENGTH && length <= MAX_SECRET_LENGTH) return undefined;
  return `its value has ${length} characters; ${MIN_SECRET_LENGTH} to ${MAX_SECRET_LENGTH} are allowed, because what is shorter cannot be masked in logs`;
}

function wrong(message: string): MillraceError {
  return new MillraceError("invalid_request", message, { pointer: "/source" });
}
