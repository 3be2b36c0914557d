import type { QueueInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";
import { onlyChanges } from "../../data/only-changes.ts";
import type { Trouble } from "../../data/problem.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DialogActions } from "../../parts/dialog-actions.tsx";
import { Field } from "../../parts/field.tsx";
import { toast } from "../../parts/toast.tsx";
import { type Limits, effectOf } from "./limit-effect.ts";
import { QUEUE_CHANGES, queuePath } from "./queue-path.ts";

const PERS = [
  [1000, "second"],
  [60_000, "minute"],
  [3_600_000, "hour"],
  [86_400_000, "day"],
] as const;

/** What is written; an empty field is no limit. */
interface Written {
  concurrency: string;
  rate: string;
  perMs: number;
  maxDepth: string;
}

/** Limits of a queue over all workers, with what they would do now. */
export function LimitsDialog({ queue, onClose }: { queue: QueueInfo; onClose: () => void }) {
  const [first] = useState(queue);
  const [written, setWritten] = useState(() => asWritten(first));
  const [trouble, setTrouble] = useState<Trouble>();
  const { limits, wrong } = read(written);
  const write = (change: Partial<Written>) => setWritten({ ...written, ...change });
  const end = (result: Done<unknown>, words: string) => {
    if (!result.ok) return setTrouble(result.trouble);
    toast(words);
    onClose();
  };
  const path = `${queuePath(queue.name)}/limits`;
  const set = async () => {
    const whole = { ...limits, rate: rateToSend(first, limits.rate) };
    const before = read(asWritten(first)).limits;
    const changes = onlyChanges(whole, { ...before, rate: rateToSend(first, before.rate) });
    // Who changes nothing has them hold as they are, instead of those of the code.
    const body = Object.keys(changes).length > 0 ? changes : whole;
    end(
      await act(path, { method: "PUT", body }, QUEUE_CHANGES),
      `The limits of queue ${queue.name} hold`,
    );
  };
  const reset = async () => {
    const result = await act(path, { method: "DELETE" }, QUEUE_CHANGES);
    end(result, `Queue ${queue.name} has the limits of the code again`);
  };
  const [concurrencyWords, rateWords, depthWords] = effectOf(queue, limits);
  const number = (name: "concurrency" | "rate" | "maxDepth") => ({
    type: "text" as const,
    inputMode: "decimal" as const,
    placeholder: "no limit",
    value: written[name],
    onInput: (event: { currentTarget: HTMLInputElement }) =>
      write({ [name]: event.currentTarget.value }),
  });
  return (
    <Dialog title={`Limits of queue ${queue.name}`} onClose={onClose}>
      <p class="muted">They hold over all workers, and at once.</p>
      <Field
        label="Runs at the same time"
        wrong={wrong.concurrency}
        {...(concurrencyWords && { hint: concurrencyWords })}
      >
        {(control) => <input {...control} {...number("concurrency")} />}
      </Field>
      <div class="pair">
        <Field label="Starts" wrong={wrong.rate} {...(rateWords && { hint: rateWords })}>
          {(control) => <input {...control} {...number("rate")} />}
        </Field>
        <Field label="per">
          {(control) => (
            <select
              {...control}
              value={written.perMs}
              onChange={(event) => write({ perMs: Number(event.currentTarget.value) })}
            >
              {persWith(written.perMs).map(([ms, word]) => (
                <option key={ms} value={ms}>
                  {word}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Field
        label="Runs that may wait"
        wrong={wrong.maxDepth}
        {...(depthWords && { hint: depthWords })}
      >
        {(control) => <input {...control} {...number("maxDepth")} />}
      </Field>
      <DialogActions {...{ trouble, onClose }}>
        {queue.limitedBy !== null && (
          <ActionButton permission="operate" onPress={() => void reset()}>
            As the code says
          </ActionButton>
        )}
        <ActionButton
          permission="operate"
          kind="primary"
          why={Object.values(wrong).find(Boolean)}
          onPress={() => void set()}
        >
          Set limits
        </ActionButton>
      </DialogActions>
    </Dialog>
  );
}

function asWritten({ concurrency, rate, maxDepth }: QueueInfo): Written {
  const text = (n: number | null | undefined) => (n === null || n === undefined ? "" : String(n));
  return {
    concurrency: text(concurrency),
    rate: text(rate?.limit),
    perMs: rate?.perMs ?? 60_000,
    maxDepth: text(maxDepth),
  };
}

function read(written: Written): {
  limits: Limits;
  wrong: Partial<Record<"concurrency" | "rate" | "maxDepth", string>>;
} {
  const wrong: ReturnType<typeof read>["wrong"] = {};
  const numberOf = (name: "concurrency" | "rate" | "maxDepth", whole: boolean): number | null => {
    const text = written[name].trim();
    if (text === "") return null;
    const value = Number(text);
    if (value > 0 && (!whole || Number.isInteger(value))) return value;
    wrong[name] = `Write a ${whole ? "whole " : ""}number above 0, or nothing for no limit`;
    return null;
  };
  const limit = numberOf("rate", false);
  return {
    limits: {
      concurrency: numberOf("concurrency", true),
      rate: limit === null ? null : { limit, perMs: written.perMs },
      maxDepth: numberOf("maxDepth", true),
    },
    wrong,
  };
}

/** A rate that is as it was keeps its burst. */
function rateToSend({ rate: old }: QueueInfo, rate: Limits["rate"]) {
  if (!rate) return null;
  const same = old?.limit === rate.limit && old.perMs === rate.perMs;
  return { limit: rate.limit, per: `${rate.perMs}ms`, ...(same && { burst: old.burst }) };
}

/** With one that was set elsewhere. */
function persWith(perMs: number): readonly (readonly [number, string])[] {
  return PERS.some(([ms]) => ms === perMs) ? PERS : [...PERS, [perMs, `${perMs / 1000} s`]];
}
