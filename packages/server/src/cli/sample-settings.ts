import type { Variable } from "./setting-variables.ts";

/** What pages and examples write in the place of a secret. */
const SAMPLE =
  /^(mr[-_])?(change|changeme|replace|example|sample|secret|password|postgres|your|test|dev|demo|todo|placeholder|insert|hunter2)([-_. ].*)?$/i;

/** In so few different characters nobody's random key is written. */
const MIN_DIFFERENT = 8;

/** Whether anybody could have guessed it. */
export function isSample(secret: string): boolean {
  return SAMPLE.test(secret);
}

/** What stands where a secret belongs, and is none: anybody can know it who has read the same page. */
export function samplesIn(
  given: Record<string, string | undefined>,
): { name: Variable; message: string }[] {
  const found: { name: Variable; message: string }[] = [];
  const key = given["MILLRACE_API_KEY"];
  if (key !== undefined && (SAMPLE.test(key) || new Set(key).size < MIN_DIFFERENT)) {
    const message = "this is a sample, not a key; make one: openssl rand -hex 24";
    found.push({ name: "MILLRACE_API_KEY", message });
  }
  for (const name of [
    "DATABASE_URL",
    "MILLRACE_LISTEN_URL",
    "MILLRACE_LIVE_DATABASE_URL",
  ] as const) {
    const text = given[name];
    if (text === undefined || !URL.canParse(text)) continue;
    if (!SAMPLE.test(new URL(text).password)) continue;
    found.push({ name, message: "its password is a sample; give the login another one" });
  }
  return found;
}
