const BARE = /^(?:€\s*|EUR\s*)?(-?[\d.,\s'’]+?)(?:\s*€|\s*EUR)?$/i;

/**
 * An amount of money as people and programs write it, in cents: `1234.5`, `1,234.50`, `1.234,50`, `1 234,50`, `€ 12,50`.
 *
 * The separator that comes last is the decimal one, unless exactly three digits follow it: money has two decimals, so
 * `1,234` and `1.234` are both one thousand two hundred and thirty-four.
 *
 * @returns undefined for anything else, such as `1,23,45`
 */
export function amountInCents(text: string): number | undefined {
  const bare = BARE.exec(text.trim())?.[1]?.replace(/[\s'’]/g, "");
  if (bare === undefined) return undefined;
  const decimal = /^(.*)[.,](\d{1,2})$/.exec(bare);
  const whole = wholeNumber(decimal ? decimal[1]! : bare);
  if (whole === undefined) return undefined;
  const cents = Number((decimal?.[2] ?? "").padEnd(2, "0"));
  const sign = bare.startsWith("-") ? -1 : 1;
  const amount = sign * (Math.abs(whole) * 100 + cents);
  // The decimal separator is not also one between thousands.
  if (decimal && decimal[1]!.includes(bare.at(-decimal[2]!.length - 1)!)) return undefined;
  return Math.abs(amount) <= MAX_CENTS ? amount : undefined;
}

/** A thousand million: more is a mistake in an order, and sums stay exact. */
const MAX_CENTS = 1e11;

const PLAIN = /^-?\d{1,12}$/;
const GROUPED = /^-?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*$/;

function wholeNumber(text: string): number | undefined {
  if (!PLAIN.test(text) && !GROUPED.test(text)) return undefined;
  return Number(text.replace(/[.,]/g, ""));
}
