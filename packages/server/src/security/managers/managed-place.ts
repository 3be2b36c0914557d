const FIELD = /^[\w.@-]{1,200}$/;

/** `document#field`: one field of what a manager keeps under a name. */
export function splitPlace(place: string): { document: string; field: string | undefined } {
  const at = place.indexOf("#");
  if (at < 0) return { document: place, field: undefined };
  return { document: place.slice(0, at), field: place.slice(at + 1) };
}

/** @returns what is wrong with a field that a reference names, if something is */
export function fieldTrouble(field: string | undefined): string | undefined {
  if (field === undefined || FIELD.test(field)) return undefined;
  return "a field, behind #, is written in letters, digits and . _ @ -";
}

/**
 * The value of the field, or the whole text where the reference names none.
 *
 * @throws Error that says what it is instead, and shows none of it
 */
export function valueIn(text: string, field: string | undefined): string {
  if (field === undefined) return text;
  const fields = objectIn(text);
  if (!fields)
    throw new Error(`what is there is no JSON object, which could have a field ${field}`);
  if (!Object.hasOwn(fields, field)) throw new Error(`what is there has no field ${field}`);
  const value = fields[field];
  if (typeof value === "string") return value;
  throw new Error(`the field ${field} is no text`);
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
