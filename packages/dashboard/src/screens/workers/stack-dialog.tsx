import type { StackSample, WorkerInfo, WorkerSample } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import type { Trouble } from "../../data/problem.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given, TroublePanel } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Ago } from "../../parts/time.tsx";

/** Whoever has asked waits for it. */
const LOOK_EVERY_MS = 1000;

/** What the main thread of a worker was seen to do; and has it looked at anew. */
export function StackDialog({
  worker: { id, name, endedAt },
  onClose,
}: {
  worker: Pick<WorkerInfo, "id" | "name" | "endedAt">;
  onClose: () => void;
}) {
  const path = `/api/v1/workers/${id}/stack`;
  const shown = useResource<WorkerSample>(path, { everyMs: LOOK_EVERY_MS });
  const [trouble, setTrouble] = useState<Trouble>();
  const asked = shown.data?.asked;
  const press = async () => {
    const result = await act(path, {}, [path, "/api/v1/audit"]);
    setTrouble(result.ok ? undefined : result.trouble);
  };
  return (
    <Dialog title={`What ${name} does`} onClose={onClose} wide>
      <p class="muted">
        Its main thread is looked at for a second, from another thread of its process: also while
        its event loop stands. Runs with <code>isolation</code> have threads or processes of their
        own, which are not seen here.
      </p>
      <Given shown={shown} what="sample" rows={4}>
        {({ sample }) =>
          sample ? <Sample sample={sample} /> : <p class="muted">No sample was taken yet.</p>
        }
      </Given>
      {asked && (
        <p role="status">
          {asked.by.replace(/^person:/, "")} asked for a sample <Ago at={asked.at} />. The worker
          hears of it by its next heartbeat.
        </p>
      )}
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <CopyAs request={{ path, method: "POST" }} cli={`millrace workers stack ${id}`} />
        <ActionButton
          permission="operate"
          kind="primary"
          why={endedAt ? "It has ended" : asked ? "A sample is under way" : undefined}
          onPress={() => void press()}
        >
          Take a sample
        </ActionButton>
      </div>
    </Dialog>
  );
}

function Sample({ sample: { at, ms, answered, shares, stacks } }: { sample: StackSample }) {
  if (!answered) {
    return (
      <p>
        <span class="wrong">Nobody could look</span> <Ago at={at} />: for {lengthInWords(ms)} its
        main thread ran no JavaScript. It stands in native code, such as a call that waits for a
        file or another process.
      </p>
    );
  }
  return (
    <>
      <p>
        Seen <Ago at={at} />, for {lengthInWords(ms)}: {percent(shares.code)} in functions,{" "}
        {percent(shares.idle)} waiting for something to do, {percent(shares.collecting)} collecting
        garbage, {percent(shares.native)} in what is no JavaScript.
      </p>
      {stacks.length > 0 && (
        <table class="stack stacks">
          <caption class="unseen">The hottest stacks</caption>
          <thead>
            <tr>
              <th class="number-cell">Itself</th>
              <th>Function, and who called it</th>
            </tr>
          </thead>
          <tbody>
            {stacks.map(({ share, frames }, index) => (
              <tr key={index}>
                <td class="number-cell" data-label="Itself">
                  {percent(share)}
                </td>
                <td class="whole">
                  <ol class="frames">
                    {frames.map((frame, depth) => (
                      <li key={depth}>
                        <code>{frame.function}</code>{" "}
                        <span class="muted">{frame.place ?? "of the engine"}</span>
                      </li>
                    ))}
                  </ol>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
