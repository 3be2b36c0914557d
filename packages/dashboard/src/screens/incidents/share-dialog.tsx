import type { CreateIncident, Incident } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog, counted, useOnceKey } from "../../parts/act-dialog.tsx";
import { now } from "../../parts/moment.ts";
import type { Shared } from "../../parts/share.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { At } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { boundsOf, instant } from "../../routing/range.ts";
import { go } from "../../routing/router.ts";

/** As many runs one may show. */
const MOST_RUNS = 100;

/** Asks what it is to be called, and says what is kept. */
export function ShareDialog({ shared, onClose }: { shared: Shared; onClose: () => void }) {
  const { query = "", range, at, runs, errorGroup } = shared;
  // What is kept is of the time at which it was asked for.
  const [bounds] = useState(() => boundsOf(range ?? { preset: "24h" }, now.peek()));
  const [title, setTitle] = useState(errorGroup?.title ?? "");
  const [note, setNote] = useState("");
  const body: CreateIncident = {
    title: title.trim(),
    ...(note.trim() !== "" && { note: note.trim() }),
    ...(query !== "" && { query }),
    ...{ from: instant(bounds.from), to: instant(bounds.to) },
    ...(at !== undefined && { at: instant(at) }),
    ...(runs && runs.size > 0 && { runs: [...runs] }),
    ...(errorGroup && { errorGroup: errorGroup.fingerprint }),
  };
  const idempotencyKey = useOnceKey(body);
  const tooMany = (runs?.size ?? 0) > MOST_RUNS;
  const why = tooMany
    ? `It shows ${MOST_RUNS} runs at the most`
    : body.title === ""
      ? "Say what it is called first"
      : undefined;
  return (
    <ActDialog<Incident>
      title="Share what you see"
      verb="Make the link"
      permission="operate"
      why={why}
      onClose={onClose}
      run={() => act("/api/v1/incidents", { body, idempotencyKey }, ["/api/v1/incidents"])}
      onDone={({ slug }) => {
        toast("It is kept, and whoever sees what you do can read it");
        go(`/i/${slug}`);
      }}
    >
      <p>
        Kept as it is now, until somebody removes it: how runs ended from{" "}
        <At at={instant(bounds.from)} /> to <At at={instant(bounds.to)} />, what they failed with
        {at !== undefined && ", what is known of the minute that you look at"}
        {runs && runs.size > 0
          ? `, and ${counted(runs.size, "run")}`
          : (query !== "" || errorGroup) && ", and the newest 20 runs"}
        . Inputs and outputs are not in it, nor what runs said that are about somebody.
      </p>
      {query !== "" && (
        <p class="muted">
          Of the runs that <code>{query}</code> finds.
        </p>
      )}
      <TextField label="Title" maxLength={200} value={title} onChange={setTitle} />
      <TextField label="Note" rows={4} maxLength={4000} value={note} onChange={setNote} />
    </ActDialog>
  );
}
