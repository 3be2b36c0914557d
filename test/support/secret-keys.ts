import { randomBytes } from "node:crypto";
import { KeyRing, type SecretKeys } from "millrace";

/** A key as settings write it. */
export function newKey(): string {
  return randomBytes(32).toString("base64");
}

/** Keys as a server has them: the first encrypts. Another server is given the same texts. */
export function secretKeys(texts: readonly string[] = [newKey()]): SecretKeys {
  const ring = texts.length === 0 ? undefined : new KeyRing(texts);
  return {
    words: "the keys of the test",
    read: () => ring,
    make: () => {
      throw new Error("the test has no key to be made");
    },
  };
}
