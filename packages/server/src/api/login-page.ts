import type { SessionRow } from "../store/sessions.ts";
import { timeInWords } from "./approval-page.ts";
import { FORM_HEADERS, formDocument, headline } from "./form-page.ts";
import { type Html, html } from "./page.ts";

/**
 * Of pages about people. Their address goes along to this server alone, as the origin of their forms does, by which those of other sites are told.
 */
export const LOGIN_HEADERS = {
  ...FORM_HEADERS,
  "referrer-policy": "same-origin",
  "x-robots-tag": "noindex, nofollow",
};

export interface LoginPage {
  /** Why it is shown again. */
  wrong?: string | undefined;
  /** As it was given before. */
  email?: string | undefined;
  /** Who else can tell people; undefined for nobody. */
  issuer: string | undefined;
}

export function loginPage({ wrong, email = "", issuer }: LoginPage): string {
  return formDocument(
    "Log in",
    html`${headline("Log in to Millrace")} ${wrongLine(wrong)}
      <form method="post" action="login" accept-charset="utf-8">
        <label for="email">E-mail address</label>
        <input
          id="email"
          name="email"
          type="email"
          maxlength="254"
          autocomplete="username"
          required
          value="${email}"
        />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          maxlength="1000"
          autocomplete="current-password"
          required
        />
        <div class="answers"><button class="approve">Log in</button></div>
      </form>
      ${issuer === undefined ? "" : html`<p><a href="login/oidc">Log in with ${issuer}</a></p>`}
      <p class="quiet">
        Whoever has no password, or has forgotten it, asks an admin for a link to set one.
      </p>`,
  );
}

export function sessionPage({ email, name, role, ends_at, began_by }: SessionRow): string {
  return formDocument(
    "Logged in",
    html`${headline("You are logged in")}
      <dl>
        ${name === null ? "" : field("Name", name)} ${field("E-mail", email)} ${field("Role", role)}
        ${field("Until", `${timeInWords(ends_at)}, or until it is not used for 8 hours`)}
      </dl>
      ${began_by === "password" ? html`<p><a href="second-factor">Second factor</a></p>` : ""}
      <form method="post" action="logout">
        <div class="answers"><button class="reject">Log out</button></div>
      </form>`,
  );
}

/** @param code as the link has it @param email whose password it sets */
export function setPasswordPage(code: string, email: string, wrong?: string): string {
  return formDocument(
    "Set a password",
    html`${headline("Set your password")} ${wrongLine(wrong)}
      <form method="post" action="set-password" accept-charset="utf-8">
        <input type="hidden" name="code" value="${code}" />
        <label for="email">E-mail address</label>
        <input id="email" type="email" autocomplete="username" readonly value="${email}" />
        <label for="password">Password, 12 to 128 characters of whatever kind</label>
        <input
          id="password"
          name="password"
          type="password"
          minlength="12"
          maxlength="256"
          autocomplete="new-password"
          required
        />
        <label for="again">The same again</label>
        <input
          id="again"
          name="again"
          type="password"
          maxlength="256"
          autocomplete="new-password"
          required
        />
        <div class="answers"><button class="approve">Set it</button></div>
      </form>`,
  );
}

export function passwordSetPage(): string {
  return formDocument(
    "Password set",
    html`${headline("Your password is set", "yes")}
      <p><a href="login">Log in</a></p>`,
  );
}

function wrongLine(wrong: string | undefined): Html | undefined {
  return wrong === undefined ? undefined : html`<p class="wrong" role="alert">${wrong}</p>`;
}

function field(name: string, value: string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd dir="auto">${value}</dd>
  </div>`;
}
