import type { SaveView, SavedView } from "@millrace/core/api";
import { useId, useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useRefusal } from "../../data/identity.ts";
import type { Trouble } from "../../data/problem.ts";
import { TroublePanel } from "../../parts/conditions.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { slugOf } from "./view-slug.ts";
import type { Looked } from "./views.tsx";

/**
 * Keeps what is looked at by a name; of a view that is there, changes the name, who sees it, and what it shows.
 *
 * @param others a new one of the same address takes the place of one's own
 */
export function ViewForm({
  view,
  looked,
  others,
  onEnd,
}: {
  view?: SavedView;
  looked: Looked;
  others: readonly SavedView[];
  onEnd: () => void;
}) {
  const [title, setTitle] = useState(view?.title ?? "");
  const [shared, setShared] = useState(view?.shared ?? false);
  const [anew, setAnew] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const notShared = useRefusal("operate");
  const id = useId();
  const slug = view?.slug ?? slugOf(title);
  const taken = others.find((one) => one.slug === slug);
  const save = async (event: Event) => {
    event.preventDefault();
    if (slug === "") return;
    const now = { query: looked.query, columns: [...(looked.columns ?? [])] };
    const { query, columns } = view && !anew ? view : now;
    const body: SaveView = { title: title.trim(), query, columns, shared };
    const question = { method: "PUT", body } as const;
    const result = await act<SavedView>(`/api/v1/views/${slug}`, question, ["/api/v1/views"]);
    if (!result.ok) return setTrouble(result.trouble);
    toast(`${result.data.title} is saved`);
    onEnd();
  };
  return (
    <form class="view-form" onSubmit={(event) => void save(event)}>
      <TextField
        label="Name"
        maxLength={100}
        hint={slug === "" ? "Some letters or digits" : `It opens at /v/${slug}`}
        wrong={taken && !taken.mine ? "That is the address of somebody else's view" : undefined}
        value={title}
        onChange={setTitle}
      />
      {taken?.mine && <p role="status">It takes the place of your view {taken.title}.</p>}
      <label class="tick">
        <input
          type="checkbox"
          checked={shared}
          disabled={notShared !== undefined}
          aria-describedby={notShared && id}
          onChange={(event) => setShared(event.currentTarget.checked)}
        />
        Shared with everybody who sees what I do
      </label>
      {notShared && (
        <p id={id} class="muted">
          {notShared}
        </p>
      )}
      {view ? (
        <label class="tick">
          <input
            type="checkbox"
            checked={anew}
            onChange={(event) => setAnew(event.currentTarget.checked)}
          />
          <span>
            Show from now on <code>{looked.query === "" ? "all runs" : looked.query}</code>, as you
            do
          </span>
        </label>
      ) : (
        <p class="muted">
          It keeps <code>{looked.query === "" ? "all runs" : looked.query}</code>
          {looked.columns && `, and ${looked.columns.length} columns`}.
        </p>
      )}
      {trouble && <TroublePanel trouble={trouble} />}
      <div class="row">
        <button type="button" onClick={onEnd}>
          Not now
        </button>
        <button type="submit" class="primary" aria-disabled={slug === ""}>
          Save
        </button>
      </div>
    </form>
  );
}
