/** A time as the API writes it: ISO 8601 in UTC, to the millisecond. */
export function instant(at: Date): string;
export function instant(at: Date | null): string | null;
export function instant(at: Date | null): string | null {
  return at && at.toISOString();
}
