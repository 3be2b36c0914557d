import { fieldTrouble, splitPlace } from "./managed-place.ts";

const PATH = /^[\w.@+=~-]+(\/[\w.@+=~-]+)+(\?version=\d{1,9})?$/;

/** What Vault tells of itself there, such as the token of who asks, is nothing for jobs. */
const OURS = /^(sys|auth|identity|cubbyhole)\//;

/** @returns what is wrong with it, if something is */
export function vaultTrouble(place: string): string | undefined {
  const { document, field } = splitPlace(place);
  if (!PATH.test(document) || document.split("/").some((part) => /^\.+$/.test(part))) {
    return "vault: needs the path of Vault's API and a field behind it, such as vault:secret/data/crm#token, which may have ?version=3 before the field";
  }
  if (OURS.test(document)) return "vault: sys, auth, identity and cubbyhole are not for jobs";
  if (field === undefined) return `vault: needs a field behind it, such as vault:${document}#token`;
  return fieldTrouble(field);
}
