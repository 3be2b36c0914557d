/** Of the values that a secret has had in this process, so many are masked. */
const MAX_VALUES = 10;

/** So much of a value that a text was cut in is recognised. */
const MIN_PIECE = 8;

/** What stands where a text was cut, which may be within another: there a secret may have been cut, too. */
export const CUT = "… (cut)";

/** A way to write a secret, and what stands in its place. */
interface Form {
  readonly text: string;
  readonly name: string;
}

/**
 * The secrets that a process has loaded, for keeping them out of what it says: logs, errors, what is shown. Values, and each of their lines, are
 * found as they are, in base64 (also within what was encoded with them), hexadecimal, and escaped for JSON, for URLs and by them.
 */
export class Masks {
  readonly #values = new Map<string, string[]>();
  #forms: readonly Form[] = [];

  /** Those of a few secrets alone. */
  static of(secrets: Readonly<Record<string, string>>): Masks {
    const masks = new Masks();
    for (const [name, value] of Object.entries(secrets)) masks.add(name, value);
    return masks;
  }

  get empty(): boolean {
    return this.#forms.length === 0;
  }

  /** @param value shorter ones stand in too many texts by chance */
  add(name: string, value: string): void {
    const values = this.#values.get(name) ?? [];
    if (value.length < MIN_PIECE || values.includes(value)) return;
    this.#values.set(name, [...values, value].slice(-MAX_VALUES));
    const forms = [...this.#values].flatMap(([owner, all]) =>
      [...new Set(all.flatMap(formsOf))].map((text): Form => ({ text, name: owner })),
    );
    // Of two that begin at the same place, the longer one is to be found.
    this.#forms = forms.sort((one, other) => other.text.length - one.text.length);
  }

  /** The text with `[secret NAME]` in the place of each. */
  readonly mask = (text: string): string => {
    let masked = text;
    for (const { text: form, name } of this.#forms) {
      if (masked.includes(form)) masked = masked.replaceAll(form, maskOf(name));
      if (masked.includes(CUT)) masked = withoutCutPieces(masked, form, name);
    }
    return masked;
  };

  /** The same for the end of a text, which may begin within a secret. */
  maskTail(text: string): string {
    return this.#forms.reduce(
      (masked, form) => withoutFirstPiece(masked, form.text, form.name),
      this.mask(text),
    );
  }

  /** The same for the beginning of a text, which may end within a secret. */
  maskBeginning(text: string): string {
    return this.#forms.reduce(
      (masked, form) => withoutLastPiece(masked, form.text, form.name),
      this.mask(text),
    );
  }

  /** The same for JSON text, which is JSON afterwards. */
  maskJson(json: string): string {
    if (this.mask(json) === json) return json;
    return JSON.stringify(this.#maskValue(JSON.parse(json)));
  }

  /** The name of a secret that stands in the text. */
  nameIn(text: string): string | undefined {
    return this.#forms.find((form) => text.includes(form.text))?.name;
  }

  #maskValue(value: unknown): unknown {
    if (typeof value === "string") return this.mask(value);
    if (Array.isArray(value)) return value.map((item) => this.#maskValue(item));
    if (typeof value === "object" && value !== null) {
      const masked = Object.entries(value).map(([key, item]): [string, unknown] => [
        this.mask(key),
        this.#maskValue(item),
      ]);
      return Object.fromEntries(masked);
    }
    const text = String(value);
    const masked = this.mask(text);
    return masked === text ? value : masked;
  }
}

function maskOf(name: string): string {
  return `[secret ${name}]`;
}

/** What cuts have left of it, before each of them. */
function withoutCutPieces(text: string, form: string, name: string): string {
  const parts = text.split(CUT);
  const rest = parts.pop()!;
  return [...parts.map((part) => withoutLastPiece(part, form, name)), rest].join(CUT);
}

function withoutLastPiece(text: string, form: string, name: string): string {
  const head = form.slice(0, MIN_PIECE);
  for (let at = Math.max(0, text.length - form.length); ; at++) {
    at = text.indexOf(head, at);
    if (at < 0) return text;
    if (form.startsWith(text.slice(at))) return text.slice(0, at) + maskOf(name);
  }
}

/** What a cut has left of it at the beginning. */
function withoutFirstPiece(text: string, form: string, name: string): string {
  for (let length = Math.min(form.length, text.length); length >= MIN_PIECE; length--) {
    if (form.endsWith(text.slice(0, length))) return maskOf(name) + text.slice(length);
  }
  return text;
}

/** Each line too, for they are often told one by one; but not those that frame a key, which are no secret. */
function formsOf(value: string): string[] {
  const lines = value
    .split(/\r?\n/)
    .filter((line) => line.length >= MIN_PIECE && !line.startsWith("-----"));
  return [...new Set([value, ...lines])].flatMap(writtenForms);
}

function writtenForms(text: string): string[] {
  const hex = Buffer.from(text).toString("hex");
  const json = escapedJson(text);
  const url = encodeURIComponent(text);
  const form = new URLSearchParams({ v: text }).toString().slice(2);
  return [
    text,
    json,
    escapedJson(json),
    ...[url, form, ...partsOfUrl(text)].flatMap((escaped) => [escaped, lowerEscapes(escaped)]),
    hex,
    hex.toUpperCase(),
    ...base64Forms(Buffer.from(text)).flatMap((base64) => [base64, base64Url(base64)]),
  ];
}

function escapedJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As whoever writes it into a URL as it is finds it there: each part escapes something else. */
function partsOfUrl(text: string): string[] {
  const url = new URL("https://host/");
  url.pathname = text;
  url.search = text;
  url.username = text;
  return [url.pathname.slice(1), url.search.slice(1), url.username].filter(
    (part) => part.length >= MIN_PIECE,
  );
}

function lowerEscapes(text: string): string {
  return text.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
}

function base64Url(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Alone, and what is the same wherever it stands in what is encoded, such as `user:password`: three bytes are four characters. */
function base64Forms(bytes: Buffer): string[] {
  const alone = bytes.toString("base64");
  const within = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const first = Math.ceil((before * 8) / 6);
    return encoded.slice(first, Math.floor(((before + bytes.length) * 8) / 6));
  });
  return [alone, alone.replaceAll("=", ""), ...within];
}
