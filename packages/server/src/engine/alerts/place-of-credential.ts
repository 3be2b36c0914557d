import type { SecretPlace } from "../../security/envelope.ts";

/** To what the credential of a target is bound: it opens for no other. No secret of a job has such a name. */
export function placeOfCredential({ name, version }: SecretPlace): SecretPlace {
  return { name: `alert target ${name}`, version };
}
