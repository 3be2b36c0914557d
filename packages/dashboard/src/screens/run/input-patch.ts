import { ExactNumber } from "@millrace/core";
import type { JsonPatch } from "@millrace/core/api";

type Step = JsonPatch[number];

/**
 * What an edit has changed, as a patch (RFC 6902): the server changes that alone, and leaves every digit of the rest. Both are what
 * `readExactJson` gave.
 */
export function patchBetween(before: unknown, after: unknown, path = ""): Step[] {
  if (isSame(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name): Step[] => {
      const at = `${path}/${escaped(name)}`;
      if (!Object.hasOwn(after, name)) return [{ op: "remove", path: at }];
      if (!Object.hasOwn(before, name)) return [{ op: "add", path: at, value: value(after[name]) }];
      return patchBetween(before[name], after[name], at);
    });
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return after.flatMap((item, index) => patchBetween(before[index], item, `${path}/${index}`));
  }
  return [{ op: "replace", path, value: value(after) }];
}

/** Whether a patch would send a number that the page cannot write to the last digit. */
export function losesDigits(part: unknown): boolean {
  if (part instanceof ExactNumber) return true;
  return typeof part === "object" && part !== null && Object.values(part).some(losesDigits);
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof ExactNumber || b instanceof ExactNumber) {
    return a instanceof ExactNumber && b instanceof ExactNumber && a.text === b.text;
  }
  return !isContainer(a) && !isContainer(b) && a === b;
}

function isContainer(part: unknown): boolean {
  return typeof part === "object" && part !== null;
}

function isObject(part: unknown): part is Record<string, unknown> {
  return isContainer(part) && !Array.isArray(part) && !(part instanceof ExactNumber);
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** JSON that somebody wrote; {@link losesDigits} is asked before it is sent. */
function value(part: unknown): Extract<Step, { op: "add" }>["value"] {
  return part as Extract<Step, { op: "add" }>["value"];
}
