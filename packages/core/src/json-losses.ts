/** What of a JSON text would not come back as it was written. */
export interface Loss {
  /** Keys and places in lists, from the outermost. */
  path: string[];
  why: string;
}

/**
 * Finds in a valid JSON text what `JSON.parse` loses without a word: numbers that a double cannot hold, and all but the
 * last of several equal keys. It has a stack of its own: depth costs no call. 100 MB take about a second.
 */
export function* jsonLosses(text: string): Generator<Loss> {
  const open: Container[] = [];
  for (let at = 0; at < text.length; at++) {
    const here = open.at(-1);
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at);
        if (here?.keys && here.expectsKey) {
          here.name = keyOf(text, at, end);
          here.expectsKey = false;
          if (here.keys.has(here.name)) yield { path: pathTo(open), why: "the key is there twice" };
          here.keys.add(here.name);
        }
        at = end;
        break;
      }
      case "{":
        open.push({ keys: new Set(), expectsKey: true, name: "", index: 0 });
        break;
      case "[":
        open.push({ keys: undefined, expectsKey: false, name: "", index: 0 });
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ",":
        here!.index++;
        here!.expectsKey = true;
        break;
      case "-":
      case "0":
      case "1":
      case "2":
      case "3":
      case "4":
      case "5":
      case "6":
      case "7":
      case "8":
      case "9": {
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
function isKept(written: string): boolean {
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
