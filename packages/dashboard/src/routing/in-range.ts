import { inAddress, rangeOf } from "./range.ts";
import { place } from "./router.ts";

/** Another place, with the range of this one. */
export function inRange(path: string): string {
  const range = rangeOf(place.value.query);
  if (!range) return path;
  const [to, query] = path.split("?");
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(inAddress(range))) {
    if (value !== undefined && !parameters.has(name)) parameters.set(name, value);
  }
  return `${to}?${parameters}`;
}
