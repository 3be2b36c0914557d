import { createHash, randomBytes } from "node:crypto";

const COUNT = 10;

/** Five bits a character: without those that people mistake for others (i, l, o and u). */
const CHARACTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH = 24;
const GROUP = 4;

const FORM = new RegExp(`^[${CHARACTERS}]{${LENGTH}}$`);

/** Codes that are each good for one login, for whoever has lost their app; as they are shown once, and as they are kept. */
export interface RecoveryCodes {
  texts: string[];
  digests: Buffer[];
}

export function makeRecoveryCodes(): RecoveryCodes {
  const codes = Array.from({ length: COUNT }, () => {
    const bytes = [...randomBytes(LENGTH)];
    // 32 divides 256, so that each is as likely as any other.
    return bytes.map((byte) => CHARACTERS[byte % CHARACTERS.length]).join("");
  });
  return { texts: codes.map(grouped), digests: codes.map(digestOf) };
}

/**
 * A fast hash is enough for 120 random bits (ASVS 6.5.2).
 *
 * @param text as a person types it
 * @returns undefined for what was never such a code
 */
export function readRecoveryCode(text: string): Buffer | undefined {
  const code = text
    .toLowerCase()
    .replaceAll(/[\s-]/g, "")
    .replaceAll("o", "0")
    .replaceAll(/[il]/g, "1");
  return FORM.test(code) ? digestOf(code) : undefined;
}

function grouped(code: string): string {
  return code.match(new RegExp(`.{${GROUP}}`, "g"))!.join("-");
}

function digestOf(code: string): Buffer {
  return createHash("sha256").update(code).digest();
}
