import type { SecretPlace } from "../../security/envelope.ts";

/** To whom the secret of a second factor is bound: it opens for nobody else. No secret of a job has such a name. */
export function placeOfFactor(person: string): SecretPlace {
  return { name: `second factor of ${person}`, version: 1 };
}
