import type { CancelResult } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Share, type Shared } from "../../parts/share.tsx";
import { offerAgain } from "../../parts/run-again.ts";
import { MoveDialog } from "./move-dialog.tsx";
import { toast } from "../../parts/toast.tsx";

/** So many are asked for at the same time. */
const AT_ONCE = 4;

/** What can be done with the runs that are ticked. */
export function SelectionBar({
  ids,
  shared,
  all,
  onClear,
}: {
  /** What leads to all that match, and how many those are, as far as it is known; undefined where nothing is looked for. */
  all: { count: number | undefined; open: () => void } | undefined;
  ids: ReadonlySet<string>;
  /** What is kept of it by who shares it. */
  shared: Shared;
  onClear: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [moving, setMoving] = useState(false);
  const each = async (verb: "rerun" | "cancel", past: string) => {
    setBusy(true);
    const left = [...ids];
    let [done, refused] = [0, 0];
    let why = "";
    const cancelled: string[] = [];
    const work = async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const key = verb === "rerun" ? { idempotencyKey: crypto.randomUUID() } : {};
        const result = await act<Partial<CancelResult>>(`/api/v1/runs/${id}/${verb}`, key, []);
        if (result.ok) {
          done++;
          if (result.data.result === "cancelled") cancelled.push(id);
        } else [refused, why] = [refused + 1, result.trouble.detail];
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setBusy(false);
    if (refused > 0) toast(`${done} ${past}, ${refused} refused: ${why}`, "bad");
    else if (cancelled.length > 0) offerAgain(`${done} ${past}`, cancelled);
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
      <ActionButton permission="operate" why={why} onPress={() => setMoving(true)}>
        Move…
      </ActionButton>
      {moving && <MoveDialog ids={[...ids]} onClose={() => setMoving(false)} onDone={onClear} />}
      <Share shared={shared}>{`Share ${ids.size}`}</Share>
      {all && (
        <button
          type="button"
          aria-haspopup="dialog"
          aria-keyshortcuts="Control+A Meta+A"
          onClick={all.open}
        >
          All{all.count !== undefined && ` ${all.count.toLocaleString("en")}`} that match…
        </button>
      )}
      <button type="button" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}
