/** Three figures that matter, with thin groups of thousands. */
export function shown(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-GB");
  return value.toFixed(value >= 10 ? 1 : 2);
}
