const UNIT_BYTES = { mb: 1024 ** 2, gb: 1024 ** 3 } as const;

/** An amount of memory, such as `'256mb'` or `'1.5gb'`; an mb is 1,048,576 bytes. */
export type Size = `${number}${keyof typeof UNIT_BYTES}`;

const PATTERN = /^(\d+(?:\.\d+)?)(mb|gb)$/;

/** The number of bytes; undefined when the text is not a size. */
export function sizeBytes(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * UNIT_BYTES[match[2] as keyof typeof UNIT_BYTES]);
}

/** For people: `850 kB`, `256 MB`, `1.5 GB`, in steps of 1,024. */
export function formatSize(bytes: number): string {
  const kb = bytes / 1024;
  if (kb < 1024) return `${Math.round(kb)} kB`;
  const mb = kb / 1024;
  return mb < 1024 ? `${Math.round(mb)} MB` : `${Math.round((mb / 1024) * 10) / 10} GB`;
}
