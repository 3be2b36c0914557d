/** Up to what no address has, or not at its end. */
const ADDRESS = /https?:\/\/[^\s<>"'`\\^{}|]+/g;

/** What stands behind an address in a sentence. */
const BEHIND = /[.,;:!?*_~]+$/;

/** A text in parts, of which those that are addresses of the web are links. Nothing but http and https is one. */
export function linksIn(text: string): readonly { text: string; href?: string }[] {
  const parts: { text: string; href?: string }[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = trimmed(found);
    if (!URL.canParse(address)) continue;
    if (index > from) parts.push({ text: text.slice(from, index) });
    parts.push({ text: address, href: address });
    from = index + address.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}

/** Without what ends the sentence, or closes a bracket that was opened before it. */
function trimmed(found: string): string {
  let address = found.replace(BEHIND, "");
  for (const [opens, closes] of ["()", "[]"] as const) {
    while (address.endsWith(closes!) && count(address, closes!) > count(address, opens!)) {
      address = address.slice(0, -1).replace(BEHIND, "");
    }
  }
  return address;
}

function count(text: string, of: string): number {
  return text.split(of).length - 1;
}
