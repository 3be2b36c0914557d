import type { AlertSilenceInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { SilenceDialog } from "./silence-dialog.tsx";

/** What nobody is told of, until when, and why. */
export function SilencesTab() {
  const shown = useResource<{ silences: AlertSilenceInfo[] }>("/api/v1/alert-silences");
  const [adding, setAdding] = useState(false);
  return (
    <>
      <div class="tools">
        <p class="muted">What is silenced fires all the same; nobody is told.</p>
        <div class="row">
          <ActionButton permission="operate" kind="primary" onPress={() => setAdding(true)}>
            Silence alerts
          </ActionButton>
        </div>
      </div>
      <Given shown={shown} what="silences">
        {({ silences }) =>
          silences.length === 0 ? (
            <Empty title="Nothing is silenced" />
          ) : (
            <ul class="entries">
              {silences.map((silence) => (
                <SilenceEntry key={silence.id} silence={silence} />
              ))}
            </ul>
          )
        }
      </Given>
      {adding && <SilenceDialog rule="" subject="" onClose={() => setAdding(false)} />}
    </>
  );
}

function SilenceEntry({
  silence: { id, rule, subject, until, reason, createdBy, createdAt },
}: {
  silence: AlertSilenceInfo;
}) {
  const end = async () => {
    const path = `/api/v1/alert-silences/${id}`;
    const result = await act(path, { method: "DELETE" }, ALERT_CHANGES);
    if (result.ok) toast("The silence is over");
    else toast(result.trouble.detail, "bad");
  };
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{rule ?? "any rule"}</span>
        {subject !== null && ` about ${subject}`}
        {reason !== null && `: “${reason}”`}
        <p class="muted">
          over <Ago at={until} /> · by {createdBy.replace(/^person:/, "")} <Ago at={createdAt} />
        </p>
      </div>
      <div class="entry-acts">
        <ActionButton permission="operate" onPress={() => void end()}>
          End it now
        </ActionButton>
      </div>
    </li>
  );
}
