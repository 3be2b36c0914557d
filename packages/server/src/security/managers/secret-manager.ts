/** What a manager keeps under one name: a text, which is often JSON with several fields. */
export interface SecretDocument {
  readonly text: string;
  /** For how long the manager says that it is good; undefined when it says nothing. */
  readonly goodForMs?: number | undefined;
}

/** A manager of secrets outside of Millrace. It keeps no value: that is for {@link LeasedSource} to do, for all of them alike. */
export interface SecretManager {
  /** For errors. */
  readonly name: string;
  /**
   * @param document as the reference of a secret names it, without the field
   * @param signal ends the question
   * @throws SourceAway when nobody knows; Error for what is not there, or not given to this worker
   */
  read(document: string, signal: AbortSignal): Promise<SecretDocument>;
}
