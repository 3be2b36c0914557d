import { signal } from "@preact/signals";
import type { JobInfo, QueueInfo, SavedView } from "@millrace/core/api";
import { useId, useState } from "preact/hooks";
import { useResource } from "../data/resource.ts";
import { Dialog } from "../parts/dialog.tsx";
import { inUtc, setUtc } from "../parts/moment.ts";
import { go } from "../routing/router.ts";
import { nextTheme, toggleDensity } from "./appearance.ts";
import { logOut } from "./log-out.ts";
import { SCREENS } from "./screens.ts";

export const paletteOpen = signal(false);

interface Choice {
  text: string;
  kind: string;
  act: () => void;
}

/** So many are shown. */
const MOST = 12;

const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Goes anywhere and does anything by its name: ids of runs, jobs, queues, screens, settings of the page. */
export function Palette() {
  return paletteOpen.value ? <OpenPalette /> : null;
}

function close(): void {
  paletteOpen.value = false;
}

function OpenPalette() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const choices = useChoices(text.trim());
  const chosen = Math.min(at, choices.length - 1);
  const take = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    choice.act();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, choices.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") take(choices[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Find or do" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="A run's id, a job, a queue, a screen, or something to do"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={choices.length > 0 ? `${id}-${chosen}` : undefined}
        placeholder="Run id, job, queue, screen, action"
        autocomplete="off"
        spellcheck={false}
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul role="listbox" id={`${id}-list`} aria-label="What fits" class="choices">
        {choices.map((choice, index) => (
          <li
            role="option"
            key={`${choice.kind} ${choice.text}`}
            id={`${id}-${index}`}
            aria-selected={index === chosen}
            onClick={() => take(choice)}
            onPointerMove={() => setAt(index)}
          >
            {choice.text} <span class="muted">{choice.kind}</span>
          </li>
        ))}
      </ul>
      {choices.length === 0 && (
        <p class="muted" role="status">
          Nothing is called so. Enter in Runs searches payloads, too.
        </p>
      )}
    </Dialog>
  );
}

function useChoices(text: string): Choice[] {
  const jobs = useResource<{ jobs: JobInfo[] }>("/api/v1/jobs", { everyMs: 0 });
  const queues = useResource<{ queues: QueueInfo[] }>("/api/v1/queues", { everyMs: 0 });
  const views = useResource<{ views: SavedView[] }>("/api/v1/views", { everyMs: 0 });
  const all: Choice[] = [
    ...SCREENS.flatMap(({ path, title, navigation }) =>
      navigation ? [{ text: title, kind: "screen", act: () => go(path) }] : [],
    ),
    ...(jobs.data?.jobs ?? []).map(({ name }) => ({
      text: name,
      kind: "runs of this job",
      act: () => go(`/runs?q=${encodeURIComponent(`job:${name}`)}`),
    })),
    ...(queues.data?.queues ?? []).map(({ name }) => ({
      text: name,
      kind: "runs in this queue",
      act: () => go(`/runs?q=${encodeURIComponent(`queue:${name}`)}`),
    })),
    ...(views.data?.views ?? []).map(({ slug, title }) => ({
      text: title,
      kind: "saved view",
      act: () => go(`/v/${slug}`),
    })),
    { text: "Failed runs", kind: "search", act: () => go("/runs?q=status%3Afailed") },
    { text: "Another theme", kind: "setting", act: nextTheme },
    { text: "Denser or wider rows", kind: "setting", act: toggleDensity },
    {
      text: inUtc.value ? "Times of this place" : "Times in UTC",
      kind: "setting",
      act: () => setUtc(!inUtc.value),
    },
    { text: "Log out", kind: "action", act: () => void logOut() },
  ];
  if (text === "") return all.slice(0, MOST);
  if (RUN_ID.test(text)) return [{ text, kind: "run", act: () => go(`/runs/${text}`) }];
  const wanted = text.toLowerCase();
  const fitting = all.filter((choice) => choice.text.toLowerCase().includes(wanted));
  const search: Choice = {
    text,
    kind: "search in runs",
    act: () => go(`/runs?q=${encodeURIComponent(text)}`),
  };
  return [...fitting.slice(0, MOST), search];
}
