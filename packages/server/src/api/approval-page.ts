import type { AnswerJson, AskedRow } from "../store/approvals.ts";
import { type Html, html, pagesIn } from "./page.ts";
import { endOf } from "./present/approval.ts";

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
button { flex: 1; min-height: 3rem; padding: 0.6rem; font: inherit; font-weight: 650; border-radius: 8px; cursor: pointer }
.approve { color: var(--yes-text); background: var(--yes); border: 1px solid var(--yes) }
.unseen { position: absolute; left: -100vw; flex: none; width: 1px; min-height: 0; height: 1px; padding: 0; border: 0 }
.reject { color: var(--no); background: transparent; border: 1px solid var(--no) }
input:focus-visible, textarea:focus-visible, button:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
@media (max-width: 40rem) { main { margin: 0; min-height: 100vh; padding: 1.5rem 1.1rem 3rem; border: 0; border-radius: 0 }
  dl div { display: block } dt { font-size: 0.85rem } }
`;

/** What the key Enter in a field of the form presses, the first button: nobody shall approve by finishing his name. */
const ENTER = html`<button
  class="unseen"
  name="answer"
  value="none"
  tabindex="-1"
  aria-hidden="true"
></button>`;

const PAGES = pagesIn(STYLE, "'self'");

/** Of every answer here; the address holds a secret, so it must not be found by a search. */
export const APPROVAL_HEADERS = { ...PAGES.headers, "x-robots-tag": "noindex, nofollow" };

/** What is longer is text to read, and no headline. */
const HEADLINE = 140;

/** What is asked, with two buttons, where whoever has the link may answer. Nothing on it does anything by being looked at. */
export function askingPage(asked: AskedRow, link: string): string {
  const { job, ask, details } = asked;
  const until = endOf(asked.due_at);
  return document(
    "Approval",
    html`<p class="from">Millrace job ${job} asks for your approval</p>
      ${headline(ask, ask.length > HEADLINE ? "long" : "")} ${detailsOf(details)}
      <p class="quiet">
        Asked on
        ${time(asked.asked_at)}.${until ? html` It can be answered until ${time(until)}.` : ""}
      </p>
      ${asked.role ? answerByKey(asked.role) : answerForm(link)}`,
  );
}

function answerForm(link: string): Html {
  return html`<form method="post" action="approve" accept-charset="utf-8" autocomplete="off">
    <input type="hidden" name="link" value="${link}" />
    ${ENTER}
    <label for="name">Your name (optional)</label>
    <input id="name" name="name" maxlength="100" autocomplete="name" />
    <label for="note">A note, which stays on record (optional)</label>
    <textarea id="note" name="note" maxlength="1000"></textarea>
    <div class="answers">
      <button class="approve" name="answer" value="approve">Approve</button>
      <button class="reject" name="answer" value="reject">Reject</button>
    </div>
  </form>`;
}

function answerByKey(role: string): Html {
  return html`<p>
    Only somebody with an API key of the role ${role}, or one above it, may answer, and not by this
    link.
  </p>`;
}

export function answeredPage({ approved, by, via, note, at }: AnswerJson): string {
  const word = approved ? "Approved" : "Rejected";
  const who = via === "link" ? (by ?? "somebody who had a link") : `${by}`;
  return document(
    word,
    html`${headline(word, approved ? "yes" : "no")}
      <dl>
        ${field("By", who)} ${field("On", time(new Date(at)))}
        ${note === null ? "" : field("Note", note)}
      </dl>
      <p class="quiet">
        The answer is on record, and this link does nothing more. You may close this page.
      </p>`,
  );
}

/** Anything else that there is to say. */
export function wordsPage(title: string, ...paragraphs: readonly string[]): string {
  return document(
    title,
    html`${headline(title)} ${paragraphs.map((text) => html`<p>${text}</p>`)}`,
  );
}

function document(title: string, body: Html): string {
  return PAGES.page(`${title} – Millrace`, html`<main>${body}</main>`);
}

function headline(text: string, kind = ""): Html {
  // In one line: white space in it is shown.
  return html`<h1 class="${kind}" dir="auto">${text}</h1>`;
}

/** The fields of an object one below the other, anything else as JSON. */
function detailsOf(details: unknown): Html | undefined {
  if (details === null || details === undefined) return undefined;
  if (typeof details === "string") return html`<p class="alone" dir="auto">${details}</p>`;
  const fields = typeof details === "object" && !Array.isArray(details) ? details : undefined;
  if (!fields) return html`<pre class="alone">${jsonOf(details)}</pre>`;
  const all = Object.entries(fields);
  return all.length === 0
    ? undefined
    : html`<dl>${all.map(([name, value]) => field(name, plain(value)))}</dl>`;
}

function plain(value: unknown): Html | string {
  if (typeof value === "object" && value !== null) return html`<pre>${jsonOf(value)}</pre>`;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function field(name: string, value: Html | string): Html {
  return html`<div>
    <dt dir="auto">${name}</dt>
    <dd dir="auto">${value}</dd>
  </div>`;
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

const WORDS = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "long",
  timeStyle: "short",
  timeZone: "UTC",
});

/** In UTC: where the reader is, a page without a script cannot know. */
export function timeInWords(at: Date): string {
  return `${WORDS.format(at)} UTC`;
}

function time(at: Date): Html {
  return html`<time datetime="${at.toISOString()}">${timeInWords(at)}</time>`;
}
