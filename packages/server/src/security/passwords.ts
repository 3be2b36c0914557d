import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { MillraceError } from "@millrace/core";
import { COMMON_PASSWORDS } from "./common-passwords.ts";

/** Of scrypt: its cost N as a power of two, its block size r, its parallelism p. */
interface Parameters {
  ln: number;
  r: number;
  p: number;
}

/**
 * What OWASP asks for: 128 MiB and some 0.4 s of a core for each.
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
const NOW: Parameters = { ln: 17, r: 8, p: 1 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** What was stored is ours; a row that somebody else wrote must not take all the memory. */
const MOST: Parameters = { ln: 20, r: 16, p: 4 };

const FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** At the same time: each takes a thread of the four that Node has, and 128 MiB. */
const AT_ONCE = 2;

/** So many wait for their turn, some ten seconds at the most; whoever comes then is sent away. */
const MOST_WAITING = 40;

const MIN_LENGTH = 12;
const MAX_LENGTH = 128;

/**
 * Hashes passwords by scrypt, as PHC strings: the parameters are in each, so they can grow. Few at a time: a flood of logins takes neither
 * all the memory nor all the threads.
 */
export class Passwords {
  readonly #now: Parameters;
  readonly #waiting: (() => void)[] = [];
  #free = AT_ONCE;

  /** @param now what new hashes are made with */
  constructor(now: Parameters = NOW) {
    this.#now = now;
  }

  /**
   * @param email whose password it is to be
   * @throws MillraceError `invalid_password`, `login_busy`
   */
  async hash(password: string, email: string): Promise<string> {
    const trouble = passwordTrouble(password, email);
    if (trouble !== undefined) throw new MillraceError("invalid_password", trouble);
    return this.rehash(password);
  }

  /**
   * Of a password that is somebody's already.
   *
   * @throws MillraceError `login_busy`
   */
  async rehash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const hash = await this.#derive(password, salt, this.#now);
    const { ln, r, p } = this.#now;
    return `$scrypt$ln=${ln},r=${r},p=${p}$${inBase64(salt)}$${inBase64(hash)}`;
  }

  /**
   * Takes as long for what is no hash, such as that of somebody who is not there: nobody learns from the time who is.
   *
   * @throws MillraceError `login_busy`
   */
  async matches(password: string, stored: string | null | undefined): Promise<boolean> {
    const known = readHash(stored ?? "");
    const { parameters, salt, hash } = known ?? {
      parameters: this.#now,
      salt: Buffer.alloc(SALT_BYTES),
      hash: Buffer.alloc(HASH_BYTES),
    };
    const same = timingSafeEqual(await this.#derive(password, salt, parameters), hash);
    return same && known !== undefined;
  }

  /** Whether new hashes are made with other parameters than this one. */
  isDated(stored: string): boolean {
    const { ln, r, p } = this.#now;
    return !stored.startsWith(`$scrypt$ln=${ln},r=${r},p=${p}$`);
  }

  async #derive(password: string, salt: Buffer, { ln, r, p }: Parameters): Promise<Buffer> {
    // What is longer than a password may be is nobody's, and is not hashed in its length.
    const text = tidy(password.slice(0, 4 * MAX_LENGTH));
    const N = 2 ** ln;
    const maxmem = 128 * r * (N + p + 2) + 1024 * 1024;
    await this.#enter();
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        scrypt(text, salt, HASH_BYTES, { N, r, p, maxmem }, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      });
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.length >= MOST_WAITING) {
      throw new MillraceError(
        "login_busy",
        "more people log in than passwords can be checked; try again in some seconds",
      );
    }
    // Whoever leaves gives away its place.
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}

/**
 * Why this cannot be a password; undefined when it can. Length counts and nothing of what it is made: NIST SP 800-63B-4, 3.1.1.2.
 * https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
 */
function passwordTrouble(password: string, email: string): string | undefined {
  const text = tidy(password);
  const { length } = codePointsOf(text);
  if (length < MIN_LENGTH || length > MAX_LENGTH) {
    return `the password has ${length} characters; use ${MIN_LENGTH} to ${MAX_LENGTH}, such as some words in a row`;
  }
  const plain = text.toLowerCase();
  if (email !== "" && plain.includes(email)) {
    return "the password is, or has in it, the e-mail address; use another";
  }
  if (COMMON_PASSWORDS.has(plain) || isRepeated(plain) || isSequence(plain)) {
    return "the password is one of the first that anybody would try; use another";
  }
  return undefined;
}

/** So that it is the same password from every keyboard. */
function tidy(password: string): string {
  return password.normalize("NFKC");
}

/** Whether it is one short piece again and again. */
function isRepeated(text: string): boolean {
  return /^(.{1,4})\1+.{0,3}$/su.test(text) && new Set(text).size <= 4;
}

/** Whether each character is the next after the one before it, or each the one before it. */
function isSequence(text: string): boolean {
  const codes = codePointsOf(text);
  const steps = new Set(codes.slice(1).map((code, place) => code - codes[place]!));
  return steps.size === 1;
}

/** What counts as a character. */
function codePointsOf(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

function readHash(
  stored: string,
): { parameters: Parameters; salt: Buffer; hash: Buffer } | undefined {
  const [, ln, r, p, salt, hash] = FORM.exec(stored) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  const inBounds = (["ln", "r", "p"] as const).every(
    (name) => parameters[name] >= 1 && parameters[name] <= MOST[name],
  );
  if (!inBounds) return undefined;
  return { parameters, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

function inBase64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
