/** What of a JSON text would not come back as it was written. */
export interface Loss {
  /** Keys and places in lists, from the outermost. */
  path: string[];
  why: string;
}

/**
 * Finds in a valid JSON text what `JSON.parse` loses without a word: numbers that a double cannot hold, and all but the
 * last of several equal keys. It has a stack of its own: depth costs no call.
 */
export function* jsonLosses(text: string): Generator<Loss> {
  const open: Container[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const here = open.at(-1);
        if (here?.keys && here.expectsKey) {
          here.name = keyOf(text, at, end);
          here.expectsKey = false;
          if (here.keys.has(here.name)) yield { path: pathTo(open), why: "the key is there twice" };
          here.keys.add(here.name);
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
        open.push({ keys: new Set(), expectsKey: true, name: "", index: 0 });
        break;
      case OPEN_LIST:
        open.push({ keys: undefined, expectsKey: false, name: "", index: 0 });
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        break;
      case COMMA: {
        const here = open.at(-1)!;
        here.index++;
        here.expectsKey = true;
        break;
      }
      case MINUS:
      case 48: // 0 to 9
      case 49:
      case 50:
      case 51:
      case 52:
      case 53:
      case 54:
      case 55:
      case 56:
      case 57: {
        NUMBER.lastIndex = at;
        const written = NUMBER.exec(text)![0];
        if (!isKept(written)) {
          yield {
            path: pathTo(open),
            why: "the number has more digits, or a greater exponent, than a double holds; send it as text",
          };
        }
        at += written.length - 1;
        break;
      }
      default:
    }
  }
}

const QUOTE = '"'.charCodeAt(0);
const COMMA = ",".charCodeAt(0);
const MINUS = "-".charCodeAt(0);
const OPEN_LIST = "[".charCodeAt(0);
const CLOSE_LIST = "]".charCodeAt(0);
const OPEN_OBJECT = "{".charCodeAt(0);
const CLOSE_OBJECT = "}".charCodeAt(0);

/** Whether there is a number in it that {@link jsonLosses} may find, or a text that looks like one: in a fifth of the time. */
export function hasLongNumber(text: string): boolean {
  // Up to 15 digits a double keeps whatever they are; of 16 in a row, one stands at each of these places.
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigitOrPoint(text, at)) continue;
    let from = at;
    let to = at;
    while (isDigitOrPoint(text, from - 1)) from--;
    while (isDigitOrPoint(text, to + 1)) to++;
    if (to - from >= 15) return true;
  }
  return false;
}

function isDigitOrPoint(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 48 && code <= 57) || code === 46;
}

interface Container {
  /** Of an object; a list has none. */
  keys: Set<string> | undefined;
  expectsKey: boolean;
  name: string;
  index: number;
}

const NUMBER = /[-+.\deE]+/y;

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at;
  }
}

function keyOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

function pathTo(open: readonly Container[]): string[] {
  return open.map((part) => (part.keys ? part.name : String(part.index)));
}

/**
 * Whether a number comes back as it was written: as the shortest text of its double, or, for a fraction, as that double
 * written out to as many digits. So what any language prints for a double is kept.
 */
export function isKept(written: string): boolean {
  // Up to 15 digits always are.
  if (written.length <= 15 && !/[eE]/.test(written)) return true;
  const value = Number(written);
  if (!Number.isFinite(value)) return false;
  const given = decimalOf(written);
  if (isSame(given, decimalOf(String(value)))) return true;
  const digits = given.digits.length;
  if (digits === 0 || digits > 100 || given.point >= digits) return false;
  return isSame(given, decimalOf(value.toPrecision(digits)));
}

/** 0.digits times ten to the power of `point`, without zeros at either end. */
interface Decimal {
  digits: string;
  point: number;
}

function decimalOf(text: string): Decimal {
  const [mantissa = "", exponent = "0"] = text.replace(/^-/, "").toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const all = `${whole}${fraction}`;
  const leading = all.length - all.replace(/^0+/, "").length;
  const digits = all.slice(leading).replace(/0+$/, "");
  return { digits, point: digits === "" ? 0 : whole.length - leading + Number(exponent) };
}

function isSame(one: Decimal, other: Decimal): boolean {
  return one.digits === other.digits && one.point === other.point;
}
