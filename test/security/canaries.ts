import { randomBytes } from "node:crypto";

/** A place where a canary was found, and how it was written there. */
interface Hit {
  canary: string;
  form: string;
  around: string;
}

/**
 * Texts of which none may come out anywhere, each with what it was planted as. What is looked for is made here, apart from the masks that are
 * under test.
 */
export class Canaries {
  readonly #planted = new Map<string, string>();

  /** @param characters besides letters and digits, those that are written differently in other forms; none where a place takes none */
  plant(what: string, characters = '/+"ö&\\'): string {
    const value = `${randomBytes(4).toString("hex")}${characters}${randomBytes(12).toString("hex")}`;
    return this.add(what, value);
  }

  /** One that somebody else has made, such as a key that is shown once. */
  add(what: string, value: string): string {
    this.#planted.set(what, value);
    return value;
  }

  get count(): number {
    return this.#planted.size;
  }

  hitsIn(text: string): Hit[] {
    return [...this.#planted].flatMap(([canary, value]) =>
      formsOf(value).flatMap(([form, written]) => {
        const at = text.indexOf(written);
        const around = text.slice(Math.max(0, at - 150), at + written.length + 50);
        return at < 0 ? [] : [{ canary, form, around }];
      }),
    );
  }
}

/** The ways in which a text may be written so that a reader could have it back. */
function formsOf(value: string): [form: string, written: string][] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(value);
  const forms: [string, string][] = [
    ["plain", value],
    ["JSON-escaped", json],
    ["JSON-escaped twice", JSON.stringify(json).slice(1, -1)],
    ["hex", bytes.toString("hex")],
    ["HEX", bytes.toString("hex").toUpperCase()],
    ["URL-encoded", url],
    ["url-encoded", url.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())],
    ["form-encoded", new URLSearchParams({ v: value }).toString().slice(2)],
  ];
  // Alone, and within what was encoded with it: three bytes are four characters, so there are three ways to begin.
  for (const before of [0, 1, 2]) {
    const all = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const whole = all.slice(before === 0 ? 0 : 4, -4);
    forms.push(["base64", whole]);
    forms.push(["base64url", whole.replaceAll("+", "-").replaceAll("/", "_")]);
  }
  return forms;
}
