/** What often stands in what errors say, and is nobody's business: credentials, and what is asked for behind a URL's `?`. */
const PRIVATE: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"<>]{1,500}@/gi, "$1[redacted]@"],
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s?"'<>]{1,500}\?)[^\s"'<>)]+/gi, "$1[redacted]"],
  [/\b(bearer|basic|digest|apikey|token)(\s+)[\w.~+/=-]{8,}/gi, "$1$2[redacted]"],
];

/** A text of an error without what is private by its form. What is secret by its value is for masks. */
export function scrubbed(text: string): string {
  return PRIVATE.reduce((scrubbed, [form, instead]) => scrubbed.replaceAll(form, instead), text);
}
