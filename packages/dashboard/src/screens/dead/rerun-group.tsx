import type { Operation, OperationPreview, PatchPreview } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";
import { writeJson } from "../../data/write-json.ts";
import { ActDialog, counted, nameToType, useOnceKey } from "../../parts/act-dialog.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { type Chosen, DEAD_CHANGES } from "./chosen.ts";
import { ofMany, usePreview } from "./use-preview.ts";

/** Reruns a whole group as an operation: what a patch makes of three of them is shown before. */
export function RerunGroup({
  chosen,
  count,
  errorClass,
  onClose,
}: {
  chosen: Chosen;
  /** About how many there are, until the server has said so. */
  count: number;
  errorClass: string;
  onClose: () => void;
}) {
  const [patchText, setPatchText] = useState("");
  const [rate, setRate] = useState("50");
  const [canary, setCanary] = useState(true);
  const { patch, wrong } = patchOf(patchText);
  const perSecond = Number(rate);
  const rateWrong =
    rate.trim() !== "" && perSecond >= 0.01 && perSecond <= 1000
      ? undefined
      : "Write a number from 0.01 to 1,000";
  const isGood = wrong === undefined && rateWrong === undefined;
  const body = {
    ...{ kind: "rerun", filter: chosen, canary, ratePerSecond: perSecond },
    ...(patch !== undefined && { patch }),
  };
  const preview = usePreview(ofMany, "/api/v1/operations/preview", isGood ? body : undefined);
  const idempotencyKey = useOnceKey(body);
  const matches = preview?.ok ? preview.data.matches : count;
  const none = matches === 0 ? "All of them are handled" : undefined;
  return (
    <ActDialog<Operation>
      title={`Rerun all ${errorClass}`}
      verb={`Rerun ${counted(matches, "run")}`}
      permission="operate"
      why={wrong ?? rateWrong ?? none}
      typed={nameToType(errorClass, matches)}
      wide
      onClose={onClose}
      run={() => act("/api/v1/operations", { body, idempotencyKey }, DEAD_CHANGES)}
      onDone={({ id }) => {
        toast(`Operation ${id} reruns them`);
        go(`/bulk/${id}`);
      }}
    >
      <p>
        It is an operation with progress, which can be paused and stopped. At this rate it takes{" "}
        {isGood ? `some ${lengthInWords((matches / perSecond) * 1000)}` : "…"} at the least.
      </p>
      <TextField
        label="Reruns a second, at the most"
        {...{ value: rate, onChange: setRate }}
        wrong={rateWrong}
      />
      <label class="tick">
        <input
          type="checkbox"
          checked={canary}
          onChange={(event) => setCanary(event.currentTarget.checked)}
        />
        First 1, then 10, then the rest: it stops by itself when one fails again
      </label>
      <TextField
        label="Change each input by a patch (RFC 6902); empty for none"
        hint='Such as [{"op":"replace","path":"/region","value":"eu-2"}]'
        wrong={wrong}
        rows={4}
        value={patchText}
        onChange={setPatchText}
      />
      <Said preview={preview} isPatched={patch !== undefined} />
    </ActDialog>
  );
}

function Said({
  preview,
  isPatched,
}: {
  preview: Done<OperationPreview> | undefined;
  isPatched: boolean;
}) {
  if (!preview) return <p class="muted">Looking what it would do…</p>;
  if (!preview.ok) {
    return (
      <p class="wrong" role="alert">
        {preview.trouble.detail}
      </p>
    );
  }
  const { matches, samples } = preview.data;
  return (
    <div role="status">
      <p>
        <strong>{counted(matches, "run")}</strong> would be rerun
        {isPatched ? "; of the newest, the patch makes this:" : " as they were."}
      </p>
      {isPatched && samples.map((sample) => <Sample key={sample.runId} sample={sample} />)}
    </div>
  );
}

function Sample({
  sample: { runId, job, before, after, accepted, problem },
}: {
  sample: PatchPreview;
}) {
  return (
    <section class="sample">
      <p class="whole">
        {job} <code class="muted">{runId.slice(-8)}</code>:{" "}
        {accepted ? "accepted" : <span class="wrong">refused: {problem?.detail}</span>}
      </p>
      <pre tabIndex={0} role="region" aria-label={`Input before, ${runId.slice(-8)}`}>
        {writeJson(before)}
      </pre>
      <pre tabIndex={0} role="region" aria-label={`Input after, ${runId.slice(-8)}`}>
        {after === null ? "–" : writeJson(after)}
      </pre>
    </section>
  );
}

/** The server says what is wrong within a step; that it is a list of them is seen here. */
function patchOf(text: string): { patch: unknown; wrong: string | undefined } {
  if (text.trim() === "") return { patch: undefined, wrong: undefined };
  try {
    const patch: unknown = JSON.parse(text);
    return Array.isArray(patch) && patch.length > 0
      ? { patch, wrong: undefined }
      : { patch: undefined, wrong: "A patch is a list of steps: [{…}]" };
  } catch (error) {
    return { patch: undefined, wrong: `This is not JSON: ${(error as SyntaxError).message}` };
  }
}
