import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { toast } from "../../parts/toast.tsx";
import { MatchingDialog } from "./matching-dialog.tsx";

/** So many are asked for at the same time. */
const AT_ONCE = 4;

/** What can be done with the runs that are ticked. */
export function SelectionBar({
  query,
  ids,
  onClear,
  isScreen,
}: {
  query: string;
  isScreen: (path: string) => boolean;
  ids: ReadonlySet<string>;
  onClear: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [all, setAll] = useState(false);
  const each = async (verb: "rerun" | "cancel", past: string) => {
    setBusy(true);
    const left = [...ids];
    let [done, refused] = [0, 0];
    let why = "";
    const work = async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const key = verb === "rerun" ? { idempotencyKey: crypto.randomUUID() } : {};
        const result = await act(`/api/v1/runs/${id}/${verb}`, key, []);
        if (result.ok) done++;
        else [refused, why] = [refused + 1, result.trouble.detail];
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setBusy(false);
    if (refused > 0) toast(`${done} ${past}, ${refused} refused: ${why}`, "bad");
    else toast(`${done} ${past}`);
    onClear();
  };
  const why = busy ? "It is being done" : undefined;
  return (
    <div class="selection" role="region" aria-label="Ticked runs">
      <strong>{ids.size} ticked</strong>
      <ActionButton permission="operate" why={why} onPress={() => void each("rerun", "rerun")}>
        Retry {ids.size}
      </ActionButton>
      <ActionButton
        permission="operate"
        kind="danger"
        why={why}
        onPress={() => void each("cancel", "cancelled")}
      >
        Cancel {ids.size}
      </ActionButton>
      {query !== "" && (
        <button type="button" aria-haspopup="dialog" onClick={() => setAll(true)}>
          All that match…
        </button>
      )}
      {all && <MatchingDialog query={query} isScreen={isScreen} onClose={() => setAll(false)} />}
      <button type="button" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}
