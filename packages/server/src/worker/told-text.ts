import type { Masks } from "../security/masks.ts";
import { withoutUrlPasswords } from "../telemetry/redact.ts";

/** A text as all who may look at a run may read it: without the secrets that its attempt has got, and without the passwords of URLs. */
export function toldText(text: string, masks: Masks): string {
  return withoutUrlPasswords(masks.mask(text));
}
