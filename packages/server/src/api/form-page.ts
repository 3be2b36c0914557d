import { type Html, html, pagesIn } from "./page.ts";

const STYLE = `
:root { color-scheme: light dark; --text: #1c2530; --quiet: #5a6675; --line: #d8dee6; --back: #f4f6f8; --card: #fff;
  --field: #fff; --yes: #0b6b57; --yes-text: #fff; --no: #a4262c; --focus: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --text: #dfe6ee; --quiet: #9aa7b5; --line: #364250; --back: #0e1318;
  --card: #171e26; --field: #10161c; --yes: #5fd0b4; --yes-text: #06251e; --no: #f08c8c; --focus: #7ab8f5 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 17px/1.5 system-ui, sans-serif;
  -webkit-text-size-adjust: 100% }
main { max-width: 36rem; margin: 6vh auto; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px }
.from { margin: 0 0 1rem; color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.3; font-weight: 650; white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: isolate }
h1.long { font-size: 1.05rem; line-height: 1.5; font-weight: 400 }
h1.yes { color: var(--yes) }
h1.no { color: var(--no) }
p { margin: 0.75rem 0; overflow-wrap: anywhere }
dl { margin: 1.25rem 0; border-top: 1px solid var(--line) }
dl div { display: flex; gap: 1rem; padding: 0.5rem 0; border-bottom: 1px solid var(--line) }
dt { flex: 0 0 30%; color: var(--quiet); overflow-wrap: anywhere }
dd { flex: 1; min-width: 0; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate }
pre { margin: 0; font: 0.82em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; unicode-bidi: isolate }
.alone { margin: 1.25rem 0; padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap }
.quiet { color: var(--quiet); font-size: 0.9rem }
label { display: block; margin: 1rem 0 0.25rem; font-size: 0.9rem; color: var(--quiet) }
input, textarea { width: 100%; padding: 0.6rem 0.7rem; font: inherit; color: inherit; background: var(--field);
  border: 1px solid var(--line); border-radius: 8px }
textarea { min-height: 4.5rem; resize: vertical }
.answers { display: flex; gap: 0.75rem; margin-top: 1.5rem }
.wrong { color: var(--no) }
a { color: var(--focus) }
button { flex: 1; min-height: 3rem; padding: 0.6rem; font: inherit; font-weight: 650; border-radius: 8px; cursor: pointer }
.approve { color: var(--yes-text); background: var(--yes); border: 1px solid var(--yes) }
.qr { max-width: 16rem; margin: 1rem auto; padding: 0; background: #fff; border-radius: 8px }
.qr svg { display: block; width: 100% }
code { font: 0.9em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.unseen { position: absolute; left: -100vw; flex: none; width: 1px; min-height: 0; height: 1px; padding: 0; border: 0 }
.reject { color: var(--no); background: transparent; border: 1px solid var(--no) }
input:focus-visible, textarea:focus-visible, button:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
@media (max-width: 40rem) { main { margin: 0; min-height: 100vh; padding: 1.5rem 1.1rem 3rem; border: 0; border-radius: 0 }
  dl div { display: block } dt { font-size: 0.85rem } }
`;

const PAGES = pagesIn(STYLE, "'self'");

/** Of pages with a form, which may be sent to this server alone. */
export const FORM_HEADERS = PAGES.headers;

/** A page in the middle of the screen, or all over a small one. */
export function formDocument(title: string, body: Html): string {
  return PAGES.page(`${title} – Millrace`, html`<main>${body}</main>`);
}

export function headline(text: string, kind = ""): Html {
  // In one line: white space in it is shown.
  return html`<h1 class="${kind}" dir="auto">${text}</h1>`;
}

/** Anything that there is to say. */
export function wordsPage(title: string, ...paragraphs: readonly string[]): string {
  return formDocument(
    title,
    html`${headline(title)} ${paragraphs.map((text) => html`<p>${text}</p>`)}`,
  );
}
