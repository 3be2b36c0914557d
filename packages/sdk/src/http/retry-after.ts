/**
 * What an answer's `Retry-After` says: seconds, or an instant.
 *
 * @param wallMs the time of now, in milliseconds of Unix time
 * @returns milliseconds from now; undefined for none, and for what is neither
 */
export function retryAfterOf(header: string | null, wallMs: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // Only the forms of HTTP; Date.parse also takes what is none.
  if (!/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs);
}
