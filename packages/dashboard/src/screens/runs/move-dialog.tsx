import type { MovedRun, QueueInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { MAX_PRIORITY, MIN_PRIORITY } from "@millrace/core";
import { useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog, counted } from "../../parts/act-dialog.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";

/** So many are asked for at the same time. */
const AT_ONCE = 4;

const CHANGES = ["/api/v1/runs", "/api/v1/queues", "/api/v1/overview"];

/** Where runs are to go; absent what stays as it is. */
export interface Place {
  queue?: string;
  priority?: number;
}

/** Puts runs that wait into another queue, or gives them another priority, one by one. Those that a worker has are left where they are. */
export function MoveDialog({
  ids,
  onClose,
  onDone,
}: {
  ids: readonly string[];
  onClose: () => void;
  onDone?: () => void;
}) {
  const [place, fields] = usePlace();
  const run = async (): Promise<Done<{ moved: number; why: string }>> => {
    const left = [...ids];
    let [moved, why] = [0, ""];
    const work = async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const result = await act<MovedRun>(`/api/v1/runs/${id}/move`, { body: place }, CHANGES);
        if (result.ok) moved++;
        else if (ids.length === 1) return result;
        else why = result.trouble.detail;
      }
      return undefined;
    };
    const [refused] = await Promise.all(Array.from({ length: AT_ONCE }, work));
    return refused ?? { ok: true, data: { moved, why } };
  };
  return (
    <ActDialog
      title={ids.length === 1 ? "Move this run" : `Move ${counted(ids.length, "run")}`}
      verb={`Move ${counted(ids.length, "run")}`}
      permission="operate"
      why={isNowhere(place) ? "Choose a queue, or write a priority" : undefined}
      onClose={onClose}
      run={run}
      onDone={({ moved, why }) => {
        const left = ids.length - moved;
        if (left === 0) toast(moved === 1 ? "It is moved" : `${moved} are moved`);
        else toast(`${moved} moved, ${left} refused: ${why}`, "bad");
        onDone?.();
      }}
    >
      <p>
        What waits is moved, with the wait that it has behind it. What a worker has, or has ended,
        stays as it is.
      </p>
      {fields}
    </ActDialog>
  );
}

export function isNowhere({ queue, priority }: Place): boolean {
  return queue === undefined && priority === undefined;
}

function isPriority(text: string): boolean {
  const priority = Number(text);
  return (
    text === "" || (/^-?\d+$/.test(text) && priority >= MIN_PRIORITY && priority <= MAX_PRIORITY)
  );
}

/** The fields by which somebody says where to, and what they say. */
export function usePlace(): [place: Place, fields: ComponentChildren] {
  const [queue, setQueue] = useState("");
  const [priority, setPriority] = useState("");
  const { data } = useResource<{ queues: QueueInfo[] }>("/api/v1/queues");
  const wanted = priority.trim();
  const wrong = isPriority(wanted)
    ? undefined
    : `Write a whole number from ${MIN_PRIORITY} to ${MAX_PRIORITY}`;
  const open = data?.queues.filter(({ drained }) => !drained) ?? [];
  const place = {
    ...(queue !== "" && { queue }),
    ...(wanted !== "" && !wrong && { priority: Number(wanted) }),
  };
  const choices = open.map(({ name }) => [name, name] as const);
  return [
    place,
    <>
      <ChoiceField
        label="Queue"
        value={queue}
        choices={[["", "as it is"], ...choices]}
        onChange={setQueue}
      />
      <TextField
        label="Priority"
        hint="Higher starts first. Empty: as it is."
        wrong={wrong}
        value={priority}
        onChange={setPriority}
      />
    </>,
  ];
}
