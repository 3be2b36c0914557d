/** The step by which people are told of an approval of that name: one of its own, with the same ordinal. */
export function notifyStep(approval: string): string {
  return `notify ${approval}`;
}
