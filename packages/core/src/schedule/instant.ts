import { MillraceError } from "../errors.ts";

/** PostgreSQL and JavaScript hold more; people who mean it do not, and ISO 8601 has four digits for a year. */
export const END_OF_TIME = Date.UTC(10_000, 0, 1);

const PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * An instant as ISO 8601 with Z or an offset, in milliseconds of Unix time.
 *
 * @throws MillraceError `invalid_schedule` naming `field`
 */
export function instantOf(given: string | Date, field: string): number {
  const at =
    given instanceof Date
      ? given.getTime()
      : PATTERN.test(String(given))
        ? Date.parse(String(given))
        : NaN;
  if (at >= 0 && at < END_OF_TIME) return at;
  throw new MillraceError(
    "invalid_schedule",
    `${field}: ${JSON.stringify(given)} is no instant; write it with Z or an offset, such as "2027-01-31T09:00:00Z"`,
  );
}
