import { encodeQR } from "qr";
import type { BegunSetup } from "../engine/second-factor/set-up.ts";
import { formDocument, headline } from "./form-page.ts";
import { Html, html } from "./page.ts";

/** Asked for after the password. */
export function codePage(email: string, wrong?: string): string {
  return formDocument(
    "Log in",
    html`${headline("One more thing")} ${wrongLine(wrong)}
      <form method="post" action="login-code" accept-charset="utf-8">
        <label for="email">E-mail address</label>
        <input id="email" type="email" autocomplete="username" readonly value="${email}" />
        ${codeField("The code that your app shows, or a recovery code")}
        <div class="answers"><button class="approve">Log in</button></div>
      </form>
      <p class="quiet">
        Whoever has lost both asks an admin to take the second factor away.
        <a href="login">Begin anew</a>
      </p>`,
  );
}

export interface FactorPage {
  email: string;
  /** Of the recovery codes; null for who has no second factor. */
  codesLeft: number | null;
  /** Whether their role must have one. */
  required: boolean;
  /** Why it is shown again. */
  wrong?: string | undefined;
}

/** What there is, and what can be done about it. */
export function factorPage({ email, codesLeft, required, wrong }: FactorPage): string {
  if (codesLeft === null) {
    return formDocument(
      "Second factor",
      html`${headline("Log in by more than a password")} ${wrongLine(wrong)}
        <p>
          ${email}: an app on your phone or computer shows a code that changes every half minute,
          and a login asks for it besides the password.
        </p>
        ${required ? html`<p>Your role must have this, so it comes before you are logged in.</p>` : ""}
        ${step("begin", html``, html`<button class="approve">Set it up</button>`)}`,
    );
  }
  return formDocument(
    "Second factor",
    html`${headline("You log in by a code, too")} ${wrongLine(wrong)}
      <p>${email} has ${codesLeft} ${codesLeft === 1 ? "recovery code" : "recovery codes"} left.</p>
      ${step(
        "begin",
        codeField("To set it up anew, with new recovery codes: a code of now"),
        html`<button class="approve">Set it up anew</button>`,
      )}
      ${
        required
          ? html`<p class="quiet">Your role must have a second factor.</p>`
          : step(
              "remove",
              codeField("To log in by the password alone: a code of now", "code-to-remove"),
              html`<button class="reject">Take it away</button>`,
            )
      }`,
  );
}

/** The secret as a picture, and as text for who cannot photograph it. */
export function setupPage(setup: BegunSetup, wrong?: string): string {
  return formDocument(
    "Second factor",
    html`${headline("Add this to your app")} ${wrongLine(wrong)}
      <p>Any app for codes by time (TOTP) will do. Let it read this:</p>
      <p class="qr" role="img" aria-label="QR code of what stands below">${qrOf(setup.uri)}</p>
      <p>Or type it: <code>${grouped(setup.secret)}</code></p>
      ${step(
        "finish",
        html`<input type="hidden" name="setup" value="${setup.sealed}" />
          ${codeField("The code that it shows then")}`,
        html`<button class="approve">Go on</button>`,
      )}`,
  );
}

export function recoveryPage(codes: readonly string[]): string {
  return formDocument(
    "Recovery codes",
    html`${headline("Keep these", "yes")}
      <p>
        From now on a login asks for a code. Each of these works once in its place, when the app is
        lost. They are shown this once: print them, or keep them where passwords are kept.
      </p>
      <pre class="alone">${codes.join("\n")}</pre>
      <p><a href="login">I have them</a></p>`,
  );
}

function step(name: string, fields: Html, button: Html): Html {
  return html`<form method="post" action="second-factor" accept-charset="utf-8">
    <input type="hidden" name="step" value="${name}" /> ${fields}
    <div class="answers">${button}</div>
  </form>`;
}

function codeField(label: string, id = "code"): Html {
  return html`<label for="${id}">${label}</label>
    <input
      id="${id}"
      name="code"
      type="text"
      inputmode="text"
      maxlength="64"
      autocomplete="one-time-code"
      autocapitalize="none"
      spellcheck="false"
      required
    />`;
}

function wrongLine(wrong: string | undefined): Html | undefined {
  return wrong === undefined ? undefined : html`<p class="wrong" role="alert">${wrong}</p>`;
}

/** In the page itself: nothing is loaded, and the text goes to no other server. */
function qrOf(text: string): Html {
  return new Html(encodeQR(text, "svg", { ecc: "medium", border: 4 }));
}

function grouped(secret: string): string {
  return secret.match(/.{1,4}/g)!.join(" ");
}
