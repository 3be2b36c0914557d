/**
 * Where a secret lies gives no answer now, or does not know this worker. It says nothing of the secret: the same question may be answered in a
 * moment, or by another worker, so no attempt of a run is used up for it. The message holds nothing of a value or a credential.
 */
export class SourceAway extends Error {
  override readonly name = "SourceAway";
}
