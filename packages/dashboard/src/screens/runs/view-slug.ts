/** As long as an address of a view may be (core, `BySlug`). */
const MOST = 60;

/** The address of a view by its name: letters of the alphabet and digits, with single hyphens between words; "" where there is none. */
export function slugOf(title: string): string {
  return title
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, MOST)
    .replaceAll(/^-+|-+$/g, "");
}
