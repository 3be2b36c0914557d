const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}.*)?$/;
/** Day first, as in the shop's countries; 04/03/2025 is the fourth of March. */
const DAY_FIRST = /^(\d{1,2})[./](\d{1,2})[./](\d{4})$/;
const NAMED = /^(\d{1,2}) ([A-Za-z]{3})[a-z]* (\d{4})$/;

/**
 * The month of a date as it is written, such as `2025-03`; a time of day and its zone change nothing.
 *
 * @returns undefined for what is not a day of the calendar, or not of the years 2000 to 2100
 */
export function monthOf(text: string): string | undefined {
  const [year, month, day] = parts(text);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (year < 2000 || year > 2100 || month < 1 || month > 12) return undefined;
  // Day 0 of the next month is the last one of this.
  if (day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return `${year}-${String(month).padStart(2, "0")}`;
}

function parts(text: string): [year?: number, month?: number, day?: number] {
  const iso = ISO.exec(text);
  if (iso) return [Number(iso[1]), Number(iso[2]), Number(iso[3])];
  const dayFirst = DAY_FIRST.exec(text);
  if (dayFirst) return [Number(dayFirst[3]), Number(dayFirst[2]), Number(dayFirst[1])];
  const named = NAMED.exec(text);
  if (named) {
    return [Number(named[3]), MONTHS.indexOf(named[2]!.toLowerCase()) + 1, Number(named[1])];
  }
  return [];
}
