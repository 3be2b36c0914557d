import type { Failure } from "./failure.ts";

/**
 * The fingerprint of a failure: the same for failures that somebody would mend together. Made of the error's class, the
 * topmost own frame of its stack (function and file; lines move with every edit), and its message without what differs
 * from run to run. 16 hexadecimal digits.
 */
export function fingerprintOf(failure: Failure): string {
  const frame = failure.stack === null ? "" : topFrame(failure.stack, failure.message);
  return hash64(`${failure.class}\n${frame}\n${normalised(failure.message)}`);
}

/** So much of a message tells what went wrong; and the patterns below may take the square of it. */
const MAX_MESSAGE = 400;

/** Beginnings that a value may have: nothing, a space, or what stands before a value in a sentence. */
const BEFORE = String.raw`(?<=^|[\s("'\`=:,[{<])`;

/** In this order: what is quoted may be anything, and a path or an id may be full of digits. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/"[^"]*"/g, "<text>"],
  [/`[^`]*`/g, "<text>"],
  // An apostrophe within a word quotes nothing.
  [/(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])/gu, "<text>"],
  [/\b[a-z][a-z0-9+.-]{0,20}:\/\/\S+/gi, "<url>"],
  [/[^\s@<>]+@[^\s@<>]+\.[a-z]+/gi, "<mail>"],
  [new RegExp(String.raw`${BEFORE}(?:[a-z]:\\|\\\\|\.{0,2}/|~/)[^\s"'),;]+`, "gi"), "<path>"],
  [/\b0x[0-9a-f]+\b/gi, "<n>"],
  [/\b(?=[a-f]{0,31}\d)[0-9a-f]{8,}\b/gi, "<n>"],
  // A number, and any word with a digit in it: an id, a date, a version.
  [/[-+]?[\p{L}\p{N}_-]*\d(?:[.:,/+-]?[\p{L}\p{N}_])*%?/gu, "<n>"],
];

/** The first line of a message, with values replaced by what kind they are. */
function normalised(message: string): string {
  let text = message.trimStart().split("\n", 1)[0]!.slice(0, MAX_MESSAGE);
  for (const [pattern, kind] of VARIABLE) text = text.replaceAll(pattern, kind);
  return text
    .replaceAll(/(<n>[\s,;]*){2,}/g, "<n> ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** `at name (place:1:2)` or `at place:1:2`, as V8 writes them. */
const FRAME = /^\s+at (?:(.+?) \()?(.+?):\d+(?::\d+)?\)?$/;

/** Code that is not the author's. */
const FOREIGN = /^node:|[\\/]node_modules[\\/]|^(?:native|<anonymous>|internal[\\/])/;

const MAX_FRAMES = 50;

function topFrame(stack: string, message: string): string {
  // A message may look like frames.
  const from = stack.indexOf(message);
  const lines = stack.slice(from === -1 ? 0 : from + message.length).split("\n", MAX_FRAMES);
  for (const line of lines) {
    const [, name = "", place] = FRAME.exec(line.slice(0, 400)) ?? [];
    if (place === undefined || FOREIGN.test(place)) continue;
    return `${functionName(name)} ${fileName(place)}`;
  }
  return "";
}

function functionName(name: string): string {
  return name
    .replace(/^async /, "")
    .replace(/ \[as [^\]]*\]$/, "")
    .replace(/^Object\./, "");
}

/** The file and its folder: what is above differs from machine to machine and from release to release. */
function fileName(place: string): string {
  const path = place.replace(/^file:\/\//, "").replace(/\?.*$/, "");
  const parts = path.split(/[\\/]/).slice(-2);
  // What bundlers put into names changes with every build.
  return parts.join("/").replaceAll(/[-.](?=[a-z]*\d)[0-9a-z]{8,}(?=\.)/gi, "");
}

/**
 * Two lanes of 32 bits, mixed and finished as in MurmurHash3 (Appleby, 2011): core runs where there is no node:crypto, and
 * nobody gains anything from two errors in one group.
 */
function hash64(text: string): string {
  let a = 0x9e37_79b9;
  let b = 0x85eb_ca6b;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    a = Math.imul(a ^ unit, 0xcc9e_2d51);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b ^ unit, 0x1b87_3593);
    b = (b << 15) | (b >>> 17);
  }
  return finished(a ^ text.length, b) + finished(b ^ text.length, a);
}

function finished(lane: number, other: number): string {
  let h = lane ^ (other >>> 7);
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return ((h ^ (h >>> 16)) >>> 0).toString(16).padStart(8, "0");
}
