import { createHash } from "node:crypto";

/** HTML that may be put into HTML as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Html | string | number | undefined | readonly Content[];

/** Every value is escaped, unless it is HTML already. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(
    parts.map((part, index) => part + (index < values.length ? write(values[index]) : "")).join(""),
  );
}

function write(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Html) return content.text;
  if (typeof content === "object") return content.map(write).join("");
  return String(content)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

const STYLE = `
:root { color-scheme: light dark; --text: #1c2530; --quiet: #5a6675; --line: #d8dee6; --back: #fff; --soft: #f4f6f8;
  --link: #0b5cad; --get: #0b6b57; --post: #8a4b08; --bad: #a4262c }
@media (prefers-color-scheme: dark) { :root { --text: #dfe6ee; --quiet: #9aa7b5; --line: #313b47; --back: #12171d;
  --soft: #1a2129; --link: #7ab8f5; --get: #5fd0b4; --post: #f0b46a; --bad: #f08c8c } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.55 system-ui, sans-serif }
code, pre { font: 0.86em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
a { color: var(--link); text-decoration: none }
a:hover, a:focus { text-decoration: underline }
.frame { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; display: grid; gap: 0 3rem;
  grid-template-columns: 15rem minmax(0, 1fr) }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 2rem 0; font-size: 0.9rem }
nav strong { display: block; margin: 1.1rem 0 0.2rem; font-size: 0.78rem; letter-spacing: 0.05em;
  text-transform: uppercase; color: var(--quiet) }
nav a { display: block; padding: 0.1rem 0; overflow-wrap: anywhere }
main { padding: 2rem 0 6rem }
main.alone { max-width: 40rem; margin: 0 auto; padding: 4rem 1.25rem }
h1 { margin: 0 0 0.5rem; font-size: 2rem; line-height: 1.2 }
h2 { margin: 3.5rem 0 0.25rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); font-size: 1.45rem }
h2::first-letter { text-transform: uppercase }
h3 { margin: 2.2rem 0 0.3rem; font-size: 1.05rem }
h4 { margin: 1rem 0 0.3rem; font-size: 0.85rem; color: var(--quiet); font-weight: 600 }
p { margin: 0.5rem 0; max-width: 46rem }
.quiet { color: var(--quiet) }
.method { display: inline-block; min-width: 3.2rem; font-weight: 700; color: var(--post) }
.method.get { color: var(--get) }
.path { overflow-wrap: anywhere }
.tablebox { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: 0.92rem }
td, th { padding: 0.35rem 0.75rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { font-weight: 600; color: var(--quiet); font-size: 0.82rem }
td:first-child { white-space: nowrap }
.bad { color: var(--bad) }
pre { margin: 0.3rem 0; padding: 0.8rem 1rem; overflow-x: auto; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px }
p code, li code, td code { padding: 0.05em 0.3em; background: var(--soft); border-radius: 4px; overflow-wrap: anywhere }
@media (max-width: 56rem) { .frame { display: block } nav { position: static; max-height: none; padding-bottom: 0 }
  td:first-child { white-space: normal } }
`;

/** Pages of one style. */
export interface Pages {
  /** Of every answer that is such a page. */
  readonly headers: Record<string, string>;
  readonly page: (title: string, body: Html) => string;
}

/**
 * No script, nothing from elsewhere, no frame; the one style is allowed by its hash.
 *
 * @param forms where forms may be sent; default nowhere
 */
export function pagesIn(style: string, forms: "'none'" | "'self'" = "'none'"): Pages {
  // In one piece: the hash is that of every character between the tags.
  const element = new Html(`<style>${style}</style>`);
  const hash = createHash("sha256").update(style).digest("base64");
  return {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action ${forms}; frame-ancestors 'none'`,
    },
    page: (title, body) =>
      html`<!doctype html>
        <html lang="en">
          <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <title>${title}</title>
            ${element}
          </head>
          <body>
            ${body}
          </body>
        </html> `.text,
  };
}

export const { headers: PAGE_HEADERS, page } = pagesIn(STYLE);
