/**
 * The address of the list of runs that have all of this.
 *
 * @param terms fields of the search and their values, such as `{ queue: "mail", status: "queued" }`
 */
export function runsLink(terms: Readonly<Record<string, string>>): string {
  const query = Object.entries(terms)
    .map(([field, value]) => `${field}:${/^[\w./-]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join(" ");
  return `/runs?q=${encodeURIComponent(query)}`;
}
