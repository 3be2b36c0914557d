import type { SavedView } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { toast } from "../../parts/toast.tsx";
import { ViewForm } from "./view-form.tsx";

/** What is looked at now, as a view keeps it. */
export interface Looked {
  query: string;
  /** Undefined for the usual ones. */
  columns: readonly string[] | undefined;
}

/** Searches that are kept by a name, one's own and those that others share. */
export function Views(looked: Looked) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Views
      </button>
      {open && <ViewsDialog looked={looked} onClose={() => setOpen(false)} />}
    </>
  );
}

function ViewsDialog({ looked, onClose }: { looked: Looked; onClose: () => void }) {
  const shown = useResource<{ views: SavedView[] }>("/api/v1/views", { everyMs: 0 });
  const [saving, setSaving] = useState(false);
  return (
    <Dialog title="Saved views" onClose={onClose} wide>
      <Given shown={shown} what="views" rows={3}>
        {({ views }) => (
          <>
            {views.length === 0 && (
              <p class="muted">
                None yet. A view keeps what is searched for, and the columns, by a name; it is
                opened from here, by ⌘K, and at an address of its own.
              </p>
            )}
            <ul class="views">
              {views.map((view) => (
                <ViewEntry key={view.slug} view={view} looked={looked} onLeave={onClose} />
              ))}
            </ul>
            {saving ? (
              <ViewForm looked={looked} others={views} onEnd={() => setSaving(false)} />
            ) : (
              <button type="button" class="primary" onClick={() => setSaving(true)}>
                Save this search
              </button>
            )}
          </>
        )}
      </Given>
    </Dialog>
  );
}

function ViewEntry({
  view,
  looked,
  onLeave,
}: {
  view: SavedView;
  looked: Looked;
  onLeave: () => void;
}) {
  const [doing, setDoing] = useState<"edit" | "remove">();
  const { slug, title, query, shared, mine, owner } = view;
  if (doing === "edit") {
    return (
      <li>
        <ViewForm view={view} looked={looked} others={[]} onEnd={() => setDoing(undefined)} />
      </li>
    );
  }
  const remove = async () => {
    const result = await act(`/api/v1/views/${slug}`, { method: "DELETE" }, ["/api/v1/views"]);
    toast(result.ok ? `${title} is removed` : result.trouble.detail, result.ok ? "good" : "bad");
  };
  return (
    <li>
      <div>
        <a href={`/v/${slug}`} onClick={onLeave}>
          {title}
        </a>{" "}
        <span class="muted">
          {!mine ? `shared by ${owner.replace(/^person:/, "")}` : shared ? "shared" : "only yours"}
        </span>
        <p class="muted">
          <code>{query === "" ? "all runs" : query}</code>
        </p>
      </div>
      {doing === "remove" ? (
        <div class="row">
          <button type="button" onClick={() => setDoing(undefined)}>
            Keep it
          </button>
          <button type="button" class="danger" onClick={() => void remove()}>
            Remove {title}
          </button>
        </div>
      ) : (
        <div class="row">
          {mine && (
            <button type="button" onClick={() => setDoing("edit")}>
              Change<span class="unseen"> {title}</span>
            </button>
          )}
          <ActionButton
            permission={mine ? "read" : "administer"}
            onPress={() => setDoing("remove")}
          >
            Remove…<span class="unseen"> {title}</span>
          </ActionButton>
        </div>
      )}
    </li>
  );
}
