import { isFinal } from "@millrace/core";
import type { AcceptedRun, CancelResult, Run } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { writeJson } from "../../data/write-json.ts";
import type { Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { TroublePanel } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { toast } from "../../parts/toast.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";

const CHANGES = ["/api/v1/runs", "/api/v1/overview", "/api/v1/dead-letters"];

/** What can be done with a run. Which dialog is open stands in the address, so that lists lead straight to it. */
export function RunActions({ run }: { run: Run }) {
  const ended = isFinal(run.state);
  const open = place.value.query.get("do");
  const show = (what?: string) => go(withQuery({ do: what }), "replace");
  const notYet = ended ? undefined : "It has not finished: cancel it, or wait";
  const over = ended ? "It has finished" : undefined;
  useKeys({ R: () => show("retry"), E: () => show("edit"), C: () => show("cancel") });
  return (
    <>
      <ActionButton
        permission="operate"
        shortcut="R"
        why={notYet}
        kind="primary"
        onPress={() => show("retry")}
      >
        Retry
      </ActionButton>
      <ActionButton permission="start" shortcut="E" onPress={() => show("edit")}>
        Edit and rerun
      </ActionButton>
      <ActionButton
        permission="operate"
        shortcut="C"
        why={over}
        kind="danger"
        onPress={() => show("cancel")}
      >
        Cancel
      </ActionButton>
      <CopyAs
        request={{ path: `/api/v1/runs/${run.id}` }}
        cli={`millrace runs show ${run.id}\nmillrace ${ended ? "rerun" : "cancel"} ${run.id}`}
        sdk={`const run = await client.runs.get("${run.id}");`}
      />
      {open === "retry" && ended && <RetryDialog run={run} onClose={() => show()} />}
      {open === "edit" && <EditDialog run={run} onClose={() => show()} />}
      {open === "cancel" && !ended && <CancelDialog run={run} onClose={() => show()} />}
    </>
  );
}

function RetryDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [trouble, setTrouble] = useState<Trouble>();
  const [key] = useState(() => crypto.randomUUID());
  const retry = async () => {
    const result = await act<AcceptedRun>(
      `/api/v1/runs/${run.id}/rerun`,
      { idempotencyKey: key },
      CHANGES,
    );
    if (!result.ok) return setTrouble(result.trouble);
    toast(`A new run of ${run.job} was made`);
    go(`/runs/${result.data.id}`);
  };
  return (
    <Dialog title={`Retry ${run.job}`} onClose={onClose}>
      <p>A new run of the same job with the same input; this one stays as it ended.</p>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <ActionButton permission="operate" kind="primary" onPress={() => void retry()}>
          Retry 1 run
        </ActionButton>
      </div>
    </Dialog>
  );
}

function EditDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [text, setText] = useState(() => writeJson(run.input));
  const [trouble, setTrouble] = useState<Trouble>();
  const [key, setKey] = useState(() => crypto.randomUUID());
  useEffect(() => setKey(crypto.randomUUID()), [text]);
  const wrong = jsonTrouble(text);
  const rerun = async () => {
    const result = await act<AcceptedRun>(
      "/api/v1/runs",
      {
        body: {
          ...{ job: run.job, queue: run.queue, input: JSON.parse(text) as unknown },
          ...(run.correlationId !== null && { correlationId: run.correlationId }),
        },
        idempotencyKey: key,
      },
      CHANGES,
    );
    if (!result.ok) return setTrouble(result.trouble);
    toast(`A new run of ${run.job} was made`);
    go(`/runs/${result.data.id}`);
  };
  return (
    <Dialog title={`Run ${run.job} with another input`} onClose={onClose} wide>
      <p class="muted">
        A new run; the server checks the input against the job's schema. This one stays as it is.
      </p>
      <Field label="Input, JSON" wrong={wrong}>
        {(control) => (
          <textarea
            {...control}
            rows={14}
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <ActionButton permission="start" kind="primary" why={wrong} onPress={() => void rerun()}>
          Run it
        </ActionButton>
      </div>
    </Dialog>
  );
}

/** What is wrong with a text that should be JSON; undefined for nothing. */
function jsonTrouble(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `This is not JSON: ${(error as SyntaxError).message}`;
  }
}

function CancelDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState<Trouble>();
  const cancel = async () => {
    const result = await act<CancelResult>(
      `/api/v1/runs/${run.id}/cancel`,
      { body: reason.trim() === "" ? {} : { reason: reason.trim() } },
      CHANGES,
    );
    if (!result.ok) return setTrouble(result.trouble);
    toast(SAID[result.data.result]);
    onClose();
  };
  return (
    <Dialog title={`Cancel this run of ${run.job}`} onClose={onClose}>
      <p>
        {run.state === "running"
          ? "Its handler is told to stop, and the run is cancelled when it lets go."
          : "It waits, so it is cancelled at once."}
      </p>
      <Field label="Why, for the record">
        {(control) => (
          <input
            {...control}
            type="text"
            maxLength={1000}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        )}
      </Field>
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <ActionButton permission="operate" kind="danger" onPress={() => void cancel()}>
          Cancel 1 run
        </ActionButton>
      </div>
    </Dialog>
  );
}

const SAID: Record<CancelResult["result"], string> = {
  cancelled: "It is cancelled",
  asked: "Its handler was told to stop",
  compensating: "It makes good first what it has done",
};
