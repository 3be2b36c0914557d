/** A number that no double can hold, as it was written. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** Digits enough that a double may not hold them. */
const MAY_BE_LOST = /\d{16}|\d[eE][+]?\d{2}|\.\d{15}/;

/** JSON as it was written: a number that a double would change is an {@link ExactNumber}. Nothing else is different from `JSON.parse`. */
export function readJson(text: string): unknown {
  if (!MAY_BE_LOST.test(text)) return JSON.parse(text);
  // Quoted with a mark that JSON cannot have in a text unescaped, which so cannot be a text of anybody's.
  const marked = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') || survives(token) ? token : `{"${MARK}":"${token}"}`,
  );
  return JSON.parse(marked, (_, value: unknown) => {
    const exact = (value as Record<string, unknown> | null)?.[MARK];
    return typeof exact === "string" ? new ExactNumber(exact) : value;
  });
}

/** Made anew by each page, so that no payload can know it. */
const MARK = `exact-${crypto.randomUUID()}`;

function survives(token: string): boolean {
  const digits = token
    .replace(/^-/, "")
    .replace(/[eE].*$/, "")
    .replace(".", "")
    .replace(/^0+/, "");
  if (digits.length <= 15) return Number.isFinite(Number(token));
  return String(Number(token)) === token;
}

/** The text of a value that {@link readJson} gave, laid out. */
export function writeJson(value: unknown, indent = ""): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    const items = value.map((item) => `${indent}  ${writeJson(item, `${indent}  `)}`);
    return `[\n${items.join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return "{}";
    const lines = entries.map(
      ([key, item]) => `${indent}  ${JSON.stringify(key)}: ${writeJson(item, `${indent}  `)}`,
    );
    return `{\n${lines.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value) ?? "null";
}
