const FULL = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const COUNT = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** How many, for people: `12,345`. */
export function count(number: number): string {
  return COUNT.format(number);
}

/** For people: `12,345.60`. */
export function money(cents: number): string {
  return FULL.format(cents / 100);
}

/** For a place with little room: `12.3K`. */
export function shortMoney(cents: number): string {
  return SHORT.format(cents / 100);
}

/** For programs: a number of whole units, exact to the cent. */
export function units(cents: number): number {
  return cents / 100;
}
