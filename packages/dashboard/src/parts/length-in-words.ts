const UNITS: readonly [name: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** A length of time as people say it: `12 ms`, `3.4 s`, `4 min`, `2 h`, `3 d`. */
export function lengthInWords(ms: number): string {
  if (ms < 0) return `−${lengthInWords(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const [name, unit] = UNITS.find(([, one]) => ms >= one)!;
  const whole = Math.floor(ms / unit);
  const [smaller, part] = UNITS[UNITS.findIndex(([, one]) => one === unit) + 1] ?? [];
  const rest = part === undefined ? 0 : Math.floor((ms - whole * unit) / part);
  return whole < 10 && rest > 0 && smaller !== undefined
    ? `${whole} ${name} ${rest} ${smaller}`
    : `${whole} ${name}`;
}
