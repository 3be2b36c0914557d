import type { AcceptedRun, JobInfo, Run, RunSummary } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ask } from "../../data/ask.ts";
import { Refused, type Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { TroublePanel } from "../../parts/conditions.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { InputFields } from "./input-fields.tsx";
import { formOf, inputOf, leavesOf, writtenOf } from "./input-form.ts";

/** Only the field of the whole: raw JSON. */
const RAW = formOf({});

/** Asks for a run of the job: by a form that its schema makes, or by JSON as it is. */
export function RunForm({ job }: { job: JobInfo }) {
  const form = job.inputSchema ? formOf(job.inputSchema) : RAW;
  const [raw, setRaw] = useState(form.control === "json");
  const shown = raw ? RAW : form;
  const [written, setWritten] = useState(() => begin(form));
  const [trouble, setTrouble] = useState<Trouble>();
  const [pressed, setPressed] = useState(false);
  const [key, setKey] = useState(() => crypto.randomUUID());
  // Another input is another run.
  useEffect(() => setKey(crypto.randomUUID()), [written]);
  const { value, wrong: amiss } = inputOf(shown, written);
  const wrong = { ...(pressed && amiss), ...told(trouble, shown) };

  const write = (pointer: string, text: string) => {
    setTrouble(undefined);
    setWritten({ ...written, [pointer]: text });
  };
  const fill = (input: unknown, asRaw: boolean) => {
    setTrouble(undefined);
    setPressed(false);
    setRaw(asRaw);
    setWritten(writtenOf(asRaw ? RAW : form, input));
  };
  const run = async () => {
    setPressed(true);
    if (Object.keys(amiss).length > 0) return;
    const body = { job: job.name, input: value };
    const result = await act<AcceptedRun>("/api/v1/runs", { body, idempotencyKey: key }, CHANGES);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`A run of ${job.name} was made`);
    go(`/runs/${result.data.id}`);
  };
  return (
    <section class="section">
      <h2>Run it</h2>
      {job.inputSchema === null && (
        <p class="muted">Its code offers no schema of the input, so it is written as JSON.</p>
      )}
      <form
        class="run-form"
        onSubmit={(event) => {
          event.preventDefault();
        }}
      >
        <InputFields field={shown} written={written} wrong={wrong} onWrite={write} />
        {form.control === "group" && form.fields.length === 0 && !raw && (
          <p class="muted">It takes no input.</p>
        )}
        {trouble && told(trouble, shown) === undefined && <TroublePanel trouble={trouble} />}
        <div class="row">
          <ActionButton
            permission="start"
            kind="primary"
            why={job.disabled ? "The job is disabled" : undefined}
            onPress={() => void run()}
          >
            Run now
          </ActionButton>
          <LastFailed job={job.name} onTake={(input) => fill(input, raw)} />
          {form.control !== "json" && (
            <button
              type="button"
              class="link"
              onClick={() => fill(raw ? parsed(written) : value, !raw)}
            >
              {raw ? "As a form" : "As JSON"}
            </button>
          )}
        </div>
      </form>
    </section>
  );
}

const CHANGES = ["/api/v1/runs", "/api/v1/overview", "/api/v1/queues"];

function begin(form: ReturnType<typeof formOf>): Record<string, string> {
  return form.control === "json" ? { "": "{}" } : writtenOf(form, undefined);
}

/** What the server says is wrong with the input, at the nearest field that the form has; undefined for what is not about one. */
function told(
  trouble: Trouble | undefined,
  form: ReturnType<typeof formOf>,
): Record<string, string> | undefined {
  const pointer = trouble?.pointer;
  if (!trouble || pointer === undefined || !/^\/input(\/|$)/.test(pointer)) return undefined;
  const place = pointer.slice("/input".length);
  const field = leavesOf(form).find(
    (one) => place === one.pointer || one.pointer === "" || place.startsWith(`${one.pointer}/`),
  );
  return field && { [field.pointer]: trouble.detail };
}

/** What is not JSON yet is left behind when somebody goes back to the form. */
function parsed(written: Readonly<Record<string, string>>): unknown {
  const { value } = inputOf(RAW, written);
  return value;
}

/** Takes the input of the last run that failed, so that a mended job is tried on what broke it. */
function LastFailed({ job, onTake }: { job: string; onTake: (input: unknown) => void }) {
  const take = async () => {
    try {
      const list = `/api/v1/runs?job=${encodeURIComponent(job)}&state=failed&limit=1`;
      const { data } = await ask<{ runs: RunSummary[] }>(list);
      const last = data?.runs[0];
      if (!last) return toast("No run of it has failed");
      const { data: run } = await ask<Run>(`/api/v1/runs/${last.id}`);
      onTake(run?.input);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.trouble.detail, "bad");
    }
  };
  return (
    <button type="button" onClick={() => void take()}>
      Take the last failed input
    </button>
  );
}
