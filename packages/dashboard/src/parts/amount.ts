const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size in the largest unit of which there is one: `12 kB`, `3.4 GB`. */
export function bytesInWords(n: number): string {
  const power = n < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${UNITS[power]}`;
}

/** A number that is an estimate, to three digits: `12,300`. */
export function aboutInWords(n: number): string {
  if (n < 1000) return String(Math.round(n));
  const step = 10 ** (Math.floor(Math.log10(n)) - 2);
  return (Math.round(n / step) * step).toLocaleString("en");
}
