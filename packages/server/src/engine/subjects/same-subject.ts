import { MillraceError } from "@millrace/core";
import { readSealedInput } from "../../security/sealed-content.ts";

/**
 * Holds a run that takes over what another has on record to the subject of that: it is encrypted under no other.
 *
 * @param old the stored input of the other run
 * @param input that of the new one
 * @throws MillraceError `invalid_request`
 */
export function requireSameSubject(run: string, old: string, input: string): void {
  if (readSealedInput(old)?.$subject === readSealedInput(input)?.$subject) return;
  throw new MillraceError(
    "invalid_request",
    `the input is about another subject than run ${run}, whose steps would be taken over; start a new run with it`,
    { pointer: "/input" },
  );
}
