/**
 * How much later an occurrence fires: from 0 to `max` milliseconds, always the same for the same occurrence, so that every
 * scheduler and every preview agree, and spread over schedules that share their instants.
 */
export function jitterOf(name: string, nominal: number, max: number): number {
  if (max === 0) return 0;
  // FNV-1a, then a last mix, because names that differ in their last letter would stay close.
  let hash = 0x811c9dc5;
  for (const char of `${name} ${nominal}`) {
    hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash ^= hash >>> 16;
  return Math.floor(((hash >>> 0) / 2 ** 32) * (max + 1));
}
