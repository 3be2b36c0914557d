import { fieldTrouble, splitPlace } from "./managed-place.ts";

const PLACE = /^([a-z][a-z0-9-]{1,22}[a-z0-9])\/([a-z0-9-]{1,127}(?:\/[0-9a-f]{32})?)$/i;

/** @returns what is wrong with it, if something is */
export function azureTrouble(place: string): string | undefined {
  const { document, field } = splitPlace(place);
  if (PLACE.test(document)) return fieldTrouble(field);
  return "azure: needs the names of a vault and of a secret behind it, such as azure:acme-vault/crm, which may have /version behind it";
}

/**
 * A secret of Azure Key Vault: the vault, and the name with its version where one is named.
 *
 * @param document that {@link azureTrouble} has nothing against
 */
export function readAzureDocument(document: string): { vault: string; name: string } {
  const [, vault = "", name = ""] = PLACE.exec(document) ?? [];
  return { vault, name };
}
