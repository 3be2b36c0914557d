import { html, page } from "./page.ts";

/** What somebody sees who opens the address in a browser. */
export function frontPage(version: string): string {
  return page(
    "Millrace",
    html`<main class="alone">
      <h1>Millrace runs here</h1>
      <p class="quiet">Version ${version}</p>
      <p>It takes automations, runs them, and keeps what it has acknowledged, whatever crashes.</p>
      <ul>
        <li>
          <a href="/docs">The API, readable</a>, and
          <a href="/openapi.json">as an OpenAPI document</a>
        </li>
        <li><a href="/login">Log in</a>, if you are one of its people</li>
        <li><a href="/healthz">Whether all is well</a></li>
        <li>
          On the machine that runs it, <code>millrace --help</code> shows the command line: runs,
          queues, workers
        </li>
      </ul>
      <p>
        Everything else needs a login, or an API key:
        <code>Authorization: Bearer &lt;key&gt;</code>. The server wrote where its own lies when it
        started.
      </p>
    </main>`,
  );
}
