/** What is said of a host that is none. */
export const SECRET_HOST_RULE =
  "a host is a whole name or an address, such as api.crm.example or api.crm.example:8443, without scheme and path, and stands for no others";

const FORM = /^(\[[0-9a-f:.]+\]|[^:/?#@\\[\]*%\s]+)(?::(\d{1,5}))?$/i;

/**
 * A host that a secret may be bound to, as URLs have it: in small letters, with its port unless that is the one of https.
 *
 * @returns undefined for what is none
 */
export function secretHost(text: string): string | undefined {
  const [, name, port = "443"] = FORM.exec(text) ?? [];
  if (name === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  const href = `https://${name}:${Number(port)}/`;
  if (!URL.canParse(href)) return undefined;
  return new URL(href).host.replace(/\.(?=:\d+$|$)/, "");
}
