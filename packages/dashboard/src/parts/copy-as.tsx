import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { CopyButton } from "./copy-button.tsx";

export interface ShownRequest {
  path: string;
  method?: string;
  body?: unknown;
}

/** How the same is asked for elsewhere: the pages do nothing that the API, the command line and the client cannot. */
export function CopyAs({
  request,
  cli,
  sdk,
}: {
  request: ShownRequest;
  cli: string;
  sdk?: string;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Copy as…
      </button>
      {open && (
        <Dialog title="The same elsewhere" onClose={() => setOpen(false)} wide>
          <Snippet title="Command line" text={cli} />
          <Snippet title="curl" text={curlOf(request)} />
          {sdk && <Snippet title="TypeScript" text={sdk} />}
        </Dialog>
      )}
    </>
  );
}

function Snippet({ title, text }: { title: string; text: string }) {
  return (
    <section class="snippet">
      <h3>
        {title} <CopyButton text={text} what={title} />
      </h3>
      <pre tabIndex={0} role="region" aria-label={title}>
        {text}
      </pre>
    </section>
  );
}

/** The key is a variable: what is copied ends up in chats and tickets. */
function curlOf({ path, method, body }: ShownRequest): string {
  const lines = [
    `curl${method && method !== "GET" ? ` -X ${method}` : ""} ${quoted(location.origin + path)}`,
    `-H "Authorization: Bearer $MILLRACE_API_KEY"`,
    ...(body === undefined
      ? []
      : [`-H "Content-Type: application/json"`, `-d ${quoted(JSON.stringify(body))}`]),
  ];
  return lines.join(" \\\n  ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
