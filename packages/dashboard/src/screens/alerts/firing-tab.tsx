import type { AlertInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty } from "../../parts/conditions.tsx";
import { Pages } from "../../parts/pages.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { Words } from "../../parts/words.tsx";
import { place, withQuery } from "../../routing/router.ts";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { Severity } from "./severity.tsx";
import { SilenceDialog } from "./silence-dialog.tsx";

interface AlertPage {
  alerts: AlertInfo[];
  nextCursor: string | null;
}

type Doing = { what: "acknowledge" | "silence"; alert: AlertInfo };

/** What fires, or is about to; what is over, where that is asked for. */
export function FiringTab() {
  const [doing, setDoing] = useState<Doing>();
  const isOver = place.value.query.get("state") === "resolved";
  const path = `/api/v1/alerts?limit=50&state=${isOver ? "resolved" : "open"}`;
  const close = () => setDoing(undefined);
  return (
    <>
      <nav class="chips" aria-label="States">
        <a
          class="chip"
          href={withQuery({ state: undefined })}
          aria-current={isOver ? undefined : "true"}
        >
          Now
        </a>
        <a
          class="chip"
          href={withQuery({ state: "resolved" })}
          aria-current={isOver ? "true" : undefined}
        >
          Over
        </a>
      </nav>
      <Pages<AlertPage>
        key={path}
        what="alerts"
        pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
        next={(page) => page.nextCursor}
      >
        {({ alerts }, isFirst) =>
          alerts.length === 0 && isFirst ? (
            <Empty title={isOver ? "No alert was resolved" : "Nothing is wrong"}>
              <p>
                <a href="/alerts?tab=rules">Rules</a> look at queues, failures, schedules, workers
                and the database four times a minute.
              </p>
            </Empty>
          ) : (
            <ul class="entries">
              {alerts.map((alert) => (
                <AlertEntry key={alert.id} alert={alert} onDo={setDoing} />
              ))}
            </ul>
          )
        }
      </Pages>
      {doing?.what === "acknowledge" && <AcknowledgeDialog alert={doing.alert} onClose={close} />}
      {doing?.what === "silence" && (
        <SilenceDialog rule={doing.alert.rule} subject={doing.alert.subject} onClose={close} />
      )}
    </>
  );
}

function AlertEntry({ alert, onDo }: { alert: AlertInfo; onDo: (doing: Doing) => void }) {
  const { rule, state, severity, summary, explanation, whatToDo, since, resolvedAt } = alert;
  const { silenced, acknowledgedAt, acknowledgedBy, note, detail } = alert;
  const over = state === "resolved" ? "It is over" : undefined;
  return (
    <li>
      <div class="entry-main">
        <Severity severity={severity} />{" "}
        <span class="entry-name">
          <Words text={summary} />
        </span>
        <p>{explanation}</p>
        <p>{whatToDo}</p>
        {detail !== null && <p class="muted">{detail}</p>}
        <p class="muted">
          {rule} · {state === "pending" ? "about to fire, so since" : "so since"} <Ago at={since} />
          {resolvedAt && (
            <>
              {" "}
              · over <Ago at={resolvedAt} />
            </>
          )}
          {silenced && " · silenced"}
          {acknowledgedAt && (
            <>
              {" "}
              · {acknowledgedBy?.replace(/^person:/, "")} looks after it since{" "}
              <Ago at={acknowledgedAt} />
              {note && `: “${note}”`}
            </>
          )}
        </p>
      </div>
      <div class="entry-acts">
        <ActionButton
          permission="operate"
          why={over ?? (acknowledgedAt ? "Somebody looks after it" : undefined)}
          onPress={() => onDo({ what: "acknowledge", alert })}
        >
          Acknowledge…
        </ActionButton>
        <ActionButton
          permission="operate"
          why={over}
          onPress={() => onDo({ what: "silence", alert })}
        >
          Silence…
        </ActionButton>
      </div>
    </li>
  );
}

function AcknowledgeDialog({
  alert: { id, summary },
  onClose,
}: {
  alert: AlertInfo;
  onClose: () => void;
}) {
  const [note, setNote] = useState("");
  const body = note.trim() === "" ? {} : { note: note.trim() };
  return (
    <ActDialog<AlertInfo>
      title="You look after it"
      verb="Acknowledge 1 alert"
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/alerts/${id}/acknowledge`, { body }, ALERT_CHANGES)}
      onDone={() => toast("It is not told again while it fires")}
    >
      <p>{summary}</p>
      <p class="muted">It is not told again while it fires; that it is over, is told.</p>
      <TextField label="Note" maxLength={500} value={note} onChange={setNote} />
    </ActDialog>
  );
}
