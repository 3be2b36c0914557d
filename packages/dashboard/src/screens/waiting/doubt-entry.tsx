import { readExactJson } from "@millrace/core";
import type { Doubt, ResolvedDoubt } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { ReasonField } from "../../parts/reason-field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago, At } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { losesDigits } from "../run/input-patch.ts";

const CHANGES = ["/api/v1/doubts", "/api/v1/runs", "/api/v1/overview"];

/** An effect of which nobody knows whether it happened, with the evidence there is. */
export function DoubtEntry({ doubt }: { doubt: Doubt }) {
  const { runId, job, name, since, beganAt, attempt, tries, idempotencyKey, error } = doubt;
  const [answer, setAnswer] = useState<boolean>();
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">Did “{name}” happen?</span>
        <p class="muted">
          <a href={`/runs/${runId}`}>{job}</a> · in doubt <Ago at={since} />
        </p>
        <dl class="facts evidence">
          <div>
            <dt>Begun last</dt>
            <dd>
              <At at={beganAt} />, attempt {attempt}
              {tries > 1 && `, try ${tries}`}
            </dd>
          </div>
          <div>
            <dt>What it threw</dt>
            <dd>{error ? `${error.class}: ${error.message}` : "nothing: its worker was gone"}</dd>
          </div>
          <div>
            <dt>Ask the other side for this key</dt>
            <dd>
              <code>{idempotencyKey}</code>
              <CopyButton text={idempotencyKey} what="idempotency key" />
            </dd>
          </div>
        </dl>
      </div>
      <div class="entry-acts">
        <ActionButton permission="operate" onPress={() => setAnswer(true)}>
          It happened…
        </ActionButton>
        <ActionButton permission="operate" onPress={() => setAnswer(false)}>
          It did not…
        </ActionButton>
      </div>
      {answer !== undefined && (
        <ResolveDialog {...{ doubt }} happened={answer} onClose={() => setAnswer(undefined)} />
      )}
    </li>
  );
}

function ResolveDialog({
  doubt: { runId, name, ordinal },
  happened,
  onClose,
}: {
  doubt: Doubt;
  happened: boolean;
  onClose: () => void;
}) {
  const [note, setNote] = useState("");
  const [text, setText] = useState("");
  const { value, wrong } = valueOf(text);
  const body = {
    ...{ name, ordinal, happened },
    ...(happened && value !== undefined && { value }),
    ...(note.trim() !== "" && { note: note.trim() }),
  };
  return (
    <ActDialog<ResolvedDoubt>
      title={happened ? `“${name}” happened` : `“${name}” did not happen`}
      verb={happened ? "It happened: go on" : "It did not: do it again"}
      kind={happened ? "primary" : "danger"}
      permission="operate"
      why={happened ? wrong : undefined}
      onClose={onClose}
      run={() => act(`/api/v1/runs/${runId}/doubts`, { body }, CHANGES)}
      onDone={() =>
        toast(happened ? "The run goes on behind the effect" : "The effect is done again")
      }
    >
      <p>
        {happened
          ? "The run goes on as if the effect had just ended, with the value that you write."
          : "The run does it again, under the same key. If it did happen after all, it may happen twice."}
      </p>
      {happened && (
        <TextField
          label="What the effect gives, JSON; empty for nothing"
          wrong={wrong}
          rows={5}
          value={text}
          onChange={setText}
        />
      )}
      <ReasonField label="How you found out, for the record" value={note} onChange={setNote} />
    </ActDialog>
  );
}

function valueOf(text: string): { value: unknown; wrong: string | undefined } {
  if (text.trim() === "") return { value: undefined, wrong: undefined };
  try {
    const value = readExactJson(text);
    return losesDigits(value)
      ? {
          value: undefined,
          wrong: "A number that long cannot be written here: use the command line",
        }
      : { value, wrong: undefined };
  } catch (error) {
    return { value: undefined, wrong: `This is not JSON: ${(error as SyntaxError).message}` };
  }
}
