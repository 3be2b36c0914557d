import { useState } from "preact/hooks";
import { Dialog } from "../../parts/dialog.tsx";

/** Takes all that is looked at, however much, as a file: the server reads it as the browser writes it. */
export function ExportRuns({ query }: { query: string }) {
  const [open, setOpen] = useState(false);
  const [payloads, setPayloads] = useState(false);
  const close = () => setOpen(false);
  const parameters = new URLSearchParams({ q: query, ...(payloads && { payloads: "true" }) });
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Export
      </button>
      {open && (
        <Dialog title="Export" onClose={close}>
          <p>
            All runs of <code>{query === "" ? "any kind" : query}</code>, newest first, as a file
            with a line of JSON for each.
          </p>
          <label class="tick">
            <input
              type="checkbox"
              checked={payloads}
              onChange={(event) => setPayloads(event.currentTarget.checked)}
            />
            With what each got and gave; that you took it is put on record
          </label>
          <div class="row">
            <button type="button" onClick={close}>
              Not now
            </button>
            <a
              class="button primary"
              href={`/api/v1/runs/export?${parameters}`}
              download="runs.ndjson"
              onClick={close}
            >
              Export
            </a>
          </div>
        </Dialog>
      )}
    </>
  );
}
