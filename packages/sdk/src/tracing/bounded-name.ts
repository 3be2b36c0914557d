const MAX_LENGTH = 80;

/** What is a number, or an id in hexadecimal, within a name. */
const VARYING = /\b(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{2,}[0-9a-f]\b|\d+/gi;

/** The name of a step as that of a span: names that differ only in numbers and ids are one, because back ends keep figures for each. */
export function boundedName(name: string): string {
  return name.replace(VARYING, "#").slice(0, MAX_LENGTH);
}
