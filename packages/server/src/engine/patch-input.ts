import { MillraceError } from "@millrace/core";
import type { JsonPatch } from "@millrace/core/api";
import { Pointer, applyPatch } from "rfc6902";

/** A copy can double an input; what is larger than this will not become an input, whatever follows. */
const MAX_TEXT = 4 * 1024 * 1024;

/**
 * Applies a JSON Patch to an input, and leaves every number that it does not touch as it is, digit by digit: what
 * JavaScript would round is carried through as text.
 *
 * @param input JSON text, as `jsonb` gives it
 * @returns JSON text
 * @throws MillraceError `invalid_patch` with a pointer such as `/patch/0/path`
 */
export function patchInput(input: string, patch: JsonPatch): string {
  refuseRounded(patch);
  // One level above, so that the whole input can be replaced like any part of it.
  const above: { input?: unknown } = { input: JSON.parse(withMarkedNumbers(input)) };
  patch.forEach((step, index) => applyStep(above, step, `/patch/${index}`));
  if (above.input === undefined) refuse("it removes the whole input", "/patch");
  return withPlainNumbers(JSON.stringify(above.input));
}

type Step = JsonPatch[number];

function applyStep(above: { input?: unknown }, step: Step, place: string): void {
  const path = `/input${step.path}`;
  requireTarget(above, step, path, `${place}/path`);
  const lifted = { ...step, path };
  if ("from" in step) {
    const from = `/input${step.from}`;
    if (!lookUp(above, from).exists) refuse(`there is no ${shown(step.from)}`, `${place}/from`);
    (lifted as { from: string }).from = from;
  }
  const [problem] = applyPatch(above, [lifted]);
  if (problem?.name === "TestError") {
    refuse(`${shown(step.path)} is not what the test says`, `${place}/value`);
  }
  if (problem) refuse(`${step.op} cannot be done there`, `${place}/path`);
  if (step.op === "copy" && JSON.stringify(above.input).length > MAX_TEXT) {
    refuse("what it copies makes the input too large", place);
  }
}

/**
 * The library follows inherited properties and takes for an index what merely begins like one; so each place is looked up
 * here first.
 */
function requireTarget(above: object, { op, path }: Step, lifted: string, place: string): void {
  const { parent, key, exists } = lookUp(above, lifted);
  if (op === "remove" || op === "replace" || op === "test") {
    if (!exists) refuse(`there is no ${shown(path)}`, place);
  } else if (parent === undefined) {
    refuse(`there is nothing that could hold ${shown(path)}`, place);
  } else if (Array.isArray(parent) && !exists && key !== "-" && key !== String(parent.length)) {
    refuse(`${shown(path)} is no place in a list of ${parent.length}`, place);
  }
}

interface Place {
  /** Undefined where nothing can hold a value. */
  parent: object | undefined;
  key: string;
  exists: boolean;
}

function lookUp(above: object, path: string): Place {
  const keys = Pointer.fromJSON(path).tokens.slice(1);
  let here: unknown = above;
  let place: Place = { parent: undefined, key: "", exists: true };
  for (const key of keys) {
    if (!place.exists || typeof here !== "object" || here === null) {
      return { parent: undefined, key, exists: false };
    }
    const exists = Array.isArray(here)
      ? /^(0|[1-9]\d*)$/.test(key) && Number(key) < here.length
      : Object.hasOwn(here, key);
    place = { parent: here, key, exists };
    here = exists ? (here as Record<string, unknown>)[key] : undefined;
  }
  return place;
}

function shown(path: string): string {
  return path === "" ? "the input" : path;
}

/** What has been read by `JSON.parse` may have lost digits already, and nobody would see it. */
function refuseRounded(patch: JsonPatch): void {
  patch.forEach((step, index) => {
    if (!("value" in step)) return;
    const place = `/patch/${index}/value`;
    JSON.stringify(step.value, (_key, value: unknown) => {
      if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
        refuse("a number in it is beyond 2^53, which JSON readers round; give it as text", place);
      }
      if (typeof value === "string" && value.includes(MARK)) {
        refuse("it has a NUL character", place);
      }
      return value;
    });
  });
}

/** No text in PostgreSQL has it, so it can mark what is no text. */
const MARK = "\0";

const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

function withMarkedNumbers(json: string): string {
  return json.replaceAll(TEXT_OR_NUMBER, (token) =>
    token.startsWith('"') || isKept(token) ? token : `"\\u0000${token}"`,
  );
}

/** Whether JavaScript writes the number as it was, but for zeros at its end. */
function isKept(token: string): boolean {
  const short = token.includes(".") ? token.replace(/\.?0+$/, "") : token;
  return String(Number(token)) === short;
}

function withPlainNumbers(json: string): string {
  return json.replaceAll(/"\\u0000([^"]*)"/g, "$1");
}

function refuse(why: string, pointer: string): never {
  throw new MillraceError("invalid_patch", `${pointer}: ${why}`, { pointer });
}
