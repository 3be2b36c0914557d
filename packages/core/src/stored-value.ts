/** Where the value of a step lies that is not in the database. */
export interface StoredValue {
  /** The SHA-256 of its text in UTF-8, in hexadecimal digits: its name in the folder of its run, and what it is checked by. */
  readonly sha256: string;
  /** The length of that text. */
  readonly bytes: number;
}

/** A reference as it stands in a checkpoint instead of the value. No value of a step has this form: it would be wrapped. */
export function storedValueText({ bytes, sha256 }: StoredValue): string {
  return `{"$":["stored",{"bytes":${bytes},"sha256":"${sha256}"}]}`;
}

const REFERENCE =
  /^\{"\$": ?\["stored", ?\{"bytes": ?(\d{1,12}), ?"sha256": ?"([0-9a-f]{64})"\}\]\}$/;

/** @returns the reference that a checkpoint has for a value; undefined when it has the value itself */
export function readStoredValue(text: string): StoredValue | undefined {
  if (text.length > 200) return undefined;
  const [, bytes, sha256] = REFERENCE.exec(text) ?? [];
  return sha256 === undefined ? undefined : { bytes: Number(bytes), sha256 };
}
