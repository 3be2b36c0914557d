import { readCron } from "./cron-reference.ts";

/** A cron expression of chance, with a leaning to the hours at which clocks change. */
export function randomCron(random: () => number, withSeconds = false): string {
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const range = (min: number, max: number) => {
    const a = min + below(max - min + 1);
    return `${a}-${a + below(max - a + 1)}`;
  };
  const field = (min: number, max: number): string =>
    pick([
      () => "*",
      () => String(min + below(max - min + 1)),
      () => `*/${1 + below(max - min)}`,
      () => range(min, max),
      () => `${range(min, max)}/${1 + below(5)}`,
      () => `${min + below(max - min + 1)},${min + below(max - min + 1)}`,
    ])();
  const minutes = pick([() => "0", () => "30", () => String(below(60)), () => field(0, 59)])();
  const hours = pick([() => "*", () => String(below(4)), () => "0-3", () => field(0, 23)])();
  const dates = pick([
    () => "*",
    () => "*",
    () => pick(["L", "LW", `${1 + below(31)}W`]),
    () => field(1, 31),
  ])();
  const months = pick([
    () => "*",
    () => "*",
    () => pick(["mar", "OCT", "jan-apr"]),
    () => field(1, 12),
  ])();
  const weekdays = pick([
    () => "*",
    () => "*",
    () => pick(["SUN", "sat-sun".replace("-", ","), "mon-fri", "0,7", "1-5/2"]),
    () => `${below(7)}#${1 + below(5)}`,
    () => `${below(7)}L`,
  ])();
  const expression = [minutes, hours, dates, months, weekdays].join(" ");
  const whole = withSeconds ? `${field(0, 59)} ${expression}` : expression;
  // Of a rule that never fires there is nothing to see, and the product refuses it.
  return hasDay(whole) ? whole : randomCron(random, withSeconds);
}

function hasDay(expression: string): boolean {
  const rule = readCron(expression);
  const day = 86_400_000;
  for (let at = Date.UTC(2020, 0, 1); at < Date.UTC(2024, 0, 1); at += day) {
    if (rule.matchesDay(at)) return true;
  }
  return false;
}
