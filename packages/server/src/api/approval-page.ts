import { ExactNumber, withExactNumbers } from "@millrace/core";
import type { AnswerJson, AskedRow } from "../store/approvals.ts";
import { FORM_HEADERS, formDocument, headline } from "./form-page.ts";
import { type Html, html } from "./page.ts";
import { endOf } from "./present/approval.ts";

/** What the key Enter in a field of the form presses, the first button: nobody shall approve by finishing his name. */
const ENTER = html`<button
  class="unseen"
  name="answer"
  value="none"
  tabindex="-1"
  aria-hidden="true"
></button>`;

/** Of every answer here; the address holds a secret, so it must not be found by a search. */
export const APPROVAL_HEADERS = { ...FORM_HEADERS, "x-robots-tag": "noindex, nofollow" };

/** What is longer is text to read, and no headline. */
const HEADLINE = 140;

/** What is asked, with two buttons, where whoever has the link may answer. Nothing on it does anything by being looked at. */
export function askingPage(asked: AskedRow, link: string): string {
  const { job, ask, details } = asked;
  const until = endOf(asked.due_at);
  return formDocument(
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
    Only somebody with an API key of the role ${role}, or one above it, or who has logged in with
    such a role, may answer, and not by this link.
  </p>`;
}

export function answeredPage({ approved, by, via, note, at }: AnswerJson): string {
  const word = approved ? "Approved" : "Rejected";
  const who = via === "link" ? (by ?? "somebody who had a link") : `${by}`;
  return formDocument(
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
  if (typeof value === "object" && value !== null && !(value instanceof ExactNumber))
    return html`<pre>${jsonOf(value)}</pre>`;
  return typeof value === "string" ? value : withExactNumbers(JSON.stringify(value));
}

function field(name: string, value: Html | string): Html {
  return html`<div>
    <dt dir="auto">${name}</dt>
    <dd dir="auto">${value}</dd>
  </div>`;
}

function jsonOf(value: unknown): string {
  return withExactNumbers(JSON.stringify(value, null, 2));
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
