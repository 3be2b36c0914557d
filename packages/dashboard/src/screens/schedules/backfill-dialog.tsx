import type { BackfillPreview, Operation, ScheduleInfo } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";
import type { Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DialogActions } from "../../parts/dialog-actions.tsx";
import { Field } from "../../parts/field.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { SCHEDULE_CHANGES, schedulePath } from "./schedule-path.ts";

/** So many are listed. */
const LISTED = 200;

/** Makes up for what never got a run: first it is shown what that is. */
export function BackfillDialog({
  schedule,
  isScreen,
  onClose,
}: {
  schedule: ScheduleInfo;
  isScreen: (path: string) => boolean;
  onClose: () => void;
}) {
  const [range, setRange] = useState(() => ({
    from: localInput(Date.now() - 86_400_000),
    until: localInput(Date.now()),
  }));
  const [rate, setRate] = useState("10");
  const [shown, setShown] = useState<Done<BackfillPreview>>();
  const [trouble, setTrouble] = useState<Trouble>();
  const [key, setKey] = useState(() => crypto.randomUUID());
  const path = `${schedulePath(schedule.name)}/backfill`;
  const wrong = rangeTrouble(range);
  const rateWrong = Number(rate) >= 0.01 && Number(rate) <= 1000 ? undefined : "0.01 to 1,000";

  useEffect(() => {
    setShown(undefined);
    setTrouble(undefined);
    setKey(crypto.randomUUID());
  }, [range.from, range.until, rate]);

  const look = async () => {
    setShown(await act<BackfillPreview>(`${path}/preview`, { body: instants(range) }, []));
  };
  const begin = async () => {
    const body = { ...instants(range), ratePerSecond: Number(rate) };
    const result = await act<Operation>(path, { body, idempotencyKey: key }, [
      ...SCHEDULE_CHANGES,
      "/api/v1/operations",
      "/api/v1/runs",
    ]);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`Backfill ${result.data.id} of ${schedule.name} is under way`);
    const bulk = `/bulk/${result.data.id}`;
    if (isScreen(bulk)) go(bulk);
    else onClose();
  };
  const preview = shown?.ok ? shown.data : undefined;
  const runs = preview?.runs ?? 0;
  const problem = trouble ?? (shown && !shown.ok ? shown.trouble : undefined);
  return (
    <Dialog title={`Backfill ${schedule.name}`} onClose={onClose} wide>
      <p class="muted">
        A run for each occurrence of the range that never got one. Times are those of this browser.
      </p>
      <div class="backfill-fields">
        {(["from", "until"] as const).map((end) => (
          <Field key={end} label={end === "from" ? "From" : "Until"}>
            {(control) => (
              <input
                {...control}
                type="datetime-local"
                value={range[end]}
                onInput={(event) => setRange({ ...range, [end]: event.currentTarget.value })}
              />
            )}
          </Field>
        ))}
        <Field label="Runs a second" wrong={rateWrong}>
          {(control) => (
            <input
              {...control}
              type="text"
              inputMode="decimal"
              value={rate}
              onInput={(event) => setRate(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      {wrong && <p class="wrong">{wrong}</p>}
      {preview && <Preview preview={preview} perSecond={Number(rate)} />}
      <DialogActions trouble={problem} onClose={onClose}>
        {preview && runs > 0 ? (
          <ActionButton
            permission="operate"
            kind="primary"
            why={rateWrong}
            onPress={() => void begin()}
          >
            Make {runs.toLocaleString("en")} {runs === 1 ? "run" : "runs"}
          </ActionButton>
        ) : (
          <ActionButton permission="operate" kind="primary" why={wrong} onPress={() => void look()}>
            Show what it would do
          </ActionButton>
        )}
      </DialogActions>
    </Dialog>
  );
}

function Preview({ preview, perSecond }: { preview: BackfillPreview; perSecond: number }) {
  const { runs, occurrences } = preview;
  const left = occurrences.length - runs;
  return (
    <div role="status">
      <p>
        <strong>
          {runs.toLocaleString("en")} {runs === 1 ? "run" : "runs"}
        </strong>
        {runs > 0 && perSecond > 0 && `, in some ${lengthInWords((runs / perSecond) * 1000)}`}
        {left > 0 && `; ${left.toLocaleString("en")} get none`}
      </p>
      <ul class="plain backfill-list" tabIndex={0} aria-label="Occurrences of the range">
        {occurrences.slice(0, LISTED).map(({ nominal, local, left: why, note }) => (
          <li key={nominal} class={why ? "muted" : undefined}>
            <code>{local}</code> {why ?? note}
          </li>
        ))}
        {occurrences.length > LISTED && (
          <li class="muted">and {(occurrences.length - LISTED).toLocaleString("en")} more</li>
        )}
      </ul>
    </div>
  );
}

/** As a field of date and time has it: by the browser's clock, to the minute. */
function localInput(ms: number): string {
  const date = new Date(ms);
  const shifted = new Date(ms - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function instants({ from, until }: { from: string; until: string }) {
  return { from: new Date(from).toISOString(), until: new Date(until).toISOString() };
}

function rangeTrouble({ from, until }: { from: string; until: string }): string | undefined {
  if (from === "" || until === "") return "Write both ends of the range";
  if (from >= until) return "It must begin before it ends";
  if (Date.parse(until) > Date.now()) return "It may not end later than now: that is still to come";
  return undefined;
}
