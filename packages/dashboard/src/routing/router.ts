import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** Where the browser is. */
export const place = signal(read());

/** @param to path and query @param how "replace" leaves no place to go back to: for what is only looked at differently */
export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "replace") history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = read();
  if (how === "push") scrollTo(0, 0);
}

/** Another query of the same page, without those that are empty. */
export function withQuery(changes: Record<string, string | undefined>): string {
  const query = new URLSearchParams(place.peek().query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return place.peek().path + (text && `?${text}`);
}

/** @param pattern such as `/runs/:id` @returns the parts with a name, decoded; undefined for another path */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return undefined;
  const named: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (!part.startsWith(":")) {
      if (part !== given[index]) return undefined;
      continue;
    }
    const value = decoded(given[index]!);
    if (!value) return undefined;
    named[part.slice(1)] = value;
  }
  return named;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Follows the browser's buttons, and links of ours without loading the page anew. @param isOurs whether a screen answers that path */
export function followLinks(isOurs: (path: string) => boolean): void {
  addEventListener("popstate", () => {
    place.value = read();
  });
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || !isOurs(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
