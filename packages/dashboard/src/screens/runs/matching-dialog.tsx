import type { CreateOperation, Operation, OperationPreview } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import type { Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DialogActions } from "../../parts/dialog-actions.tsx";
import { Field } from "../../parts/field.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { isNowhere, usePlace } from "./move-dialog.tsx";

type Kind = "rerun" | "cancel" | "move";

/** What is about more is only done by who writes how many. */
const MANY = 1000;

/**
 * Does something with all runs that a query finds, however many: as an operation, which the server carries out, can be watched and stopped, and is
 * about the runs that match when it begins. First it is counted what it would be about.
 */
export function MatchingDialog({
  query,
  onClose,
  isScreen,
}: {
  query: string;
  onClose: () => void;
  isScreen: (path: string) => boolean;
}) {
  const [kind, setKind] = useState<Kind>("rerun");
  const [canary, setCanary] = useState(true);
  const [written, setWritten] = useState("");
  const [trouble, setTrouble] = useState<Trouble>();
  const [key, setKey] = useState(() => crypto.randomUUID());
  const [to, fields] = usePlace();
  const asked: Partial<CreateOperation> =
    kind === "rerun"
      ? { kind, query, canary }
      : kind === "move"
        ? { kind, query, ...to }
        : { kind, query };
  const matches = useMatches(kind, query, setTrouble);
  useEffect(() => setKey(crypto.randomUUID()), [kind, canary, to.queue, to.priority]);
  const begin = async () => {
    const question = { body: asked, idempotencyKey: key };
    const result = await act<Operation>("/api/v1/operations", question, ["/api/v1/"]);
    if (!result.ok) return setTrouble(result.trouble);
    const { id, total } = result.data;
    toast(`Operation ${id} has begun, about ${total.toLocaleString("en")} runs`);
    onClose();
    if (isScreen(`/bulk/${id}`)) go(`/bulk/${id}`);
  };
  const unsure = matches !== undefined && matches > MANY && written !== String(matches);
  const verb = { rerun: "Retry", cancel: "Cancel", move: "Move" }[kind];
  const why =
    matches === undefined
      ? "They are being counted"
      : kind === "move" && isNowhere(to)
        ? "Choose a queue, or write a priority"
        : matches === 0
          ? "There is none"
          : unsure
            ? "Write how many they are"
            : undefined;
  return (
    <Dialog title="All runs that match" onClose={onClose}>
      <p>
        <code>{query}</code>
      </p>
      <Field label="What to do">
        {(control) => (
          <select
            {...control}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value as Kind)}
          >
            <option value="rerun">Retry those that failed, and that nobody has handled</option>
            <option value="cancel">Cancel those that are open</option>
            <option value="move">Move those that wait</option>
          </select>
        )}
      </Field>
      {kind === "move" && (
        <>
          <p class="muted">Those that a worker has by then are skipped.</p>
          {fields}
        </>
      )}
      {kind === "rerun" && (
        <label class="tick">
          <input
            type="checkbox"
            checked={canary}
            onChange={(event) => setCanary(event.currentTarget.checked)}
          />
          First 1, then 10, then the rest; it stops by itself when one fails again
        </label>
      )}
      <p role="status">
        {matches === undefined ? "Counting…" : `It is about ${matches.toLocaleString("en")} runs.`}
      </p>
      {matches !== undefined && matches > MANY && (
        <Field label={`To go on, write ${matches}`}>
          {(control) => (
            <input
              {...control}
              type="text"
              inputMode="numeric"
              value={written}
              onInput={(event) => setWritten(event.currentTarget.value.trim())}
            />
          )}
        </Field>
      )}
      <DialogActions {...{ trouble, onClose }}>
        <ActionButton
          permission="operate"
          kind={kind === "cancel" ? "danger" : "primary"}
          why={why}
          onPress={() => void begin()}
        >
          {verb} {matches?.toLocaleString("en") ?? "…"} runs
        </ActionButton>
      </DialogActions>
    </Dialog>
  );
}

/** How many it would be about; undefined until that is known. */
function useMatches(
  kind: Kind,
  query: string,
  onTrouble: (trouble: Trouble | undefined) => void,
): number | undefined {
  const [matches, setMatches] = useState<number>();
  useEffect(() => {
    let current = true;
    setMatches(undefined);
    onTrouble(undefined);
    // Where to says nothing of how many.
    const body = kind === "move" ? { kind, query, priority: 0 } : { kind, query };
    void act<OperationPreview>("/api/v1/operations/preview", { body }, []).then((result) => {
      if (!current) return;
      if (result.ok) setMatches(result.data.matches);
      else onTrouble(result.trouble);
    });
    return () => {
      current = false;
    };
  }, [kind, query]);
  return matches;
}
