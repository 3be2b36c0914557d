import { MAX_SECRET_LENGTH, MIN_SECRET_LENGTH, MillraceError } from "@millrace/core";
import { environmentTrouble } from "./environment-source.ts";
import { fileTrouble } from "./file-source.ts";
import { awsTrouble } from "./managers/aws-place.ts";
import { azureTrouble } from "./managers/azure-place.ts";
import { gcpTrouble } from "./managers/gcp-place.ts";
import { vaultTrouble } from "./managers/vault-place.ts";

/** A value as it lies at its place. */
export interface FoundSecret {
  readonly value: string;
  /** For how long from now on it may be given to anybody, in milliseconds; undefined where it may be looked at again at any time. */
  readonly goodForMs?: number;
}

/** Where the values of secrets lie that are not stored. */
export interface SecretSource {
  /**
   * @param place in it, as the secret says
   * @throws SourceAway when nobody knows; Error for what is not there, or not given. The message says what is wrong, and holds nothing of the value
   */
  resolve(place: string): Promise<FoundSecret>;
}

/** Each kind of place has a form, by which a mistake shows when it is written. */
const KINDS = {
  env: environmentTrouble,
  file: fileTrouble,
  vault: vaultTrouble,
  aws: awsTrouble,
  gcp: gcpTrouble,
  azure: azureTrouble,
} as const;

export type SourceKind = keyof typeof KINDS;

/** Those that a worker has, one of each kind at the most. */
export type SecretSources = Readonly<Partial<Record<SourceKind, SecretSource>>>;

/**
 * Where a secret refers to, such as `env:CRM_TOKEN` or `vault:secret/data/crm#token`.
 *
 * @throws MillraceError `invalid_request`
 */
export function readReference(text: string): { kind: SourceKind; place: string } {
  const [, kind = "", place = ""] = /^([a-z0-9-]+):(.*)$/s.exec(text) ?? [];
  if (!isKind(kind)) {
    throw wrong(
      "not a source; write env:VARIABLE, file:/absolute/path, vault:…, aws:…, gcp:… or azure:…",
    );
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

function isKind(kind: string): kind is SourceKind {
  return Object.hasOwn(KINDS, kind);
}

function wrong(message: string): MillraceError {
  return new MillraceError("invalid_request", message, { pointer: "/source" });
}
