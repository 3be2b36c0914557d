import type { SavedView } from "@millrace/core/api";
import { useEffect } from "preact/hooks";
import { useResource } from "../../data/resource.ts";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { Page } from "../../parts/page.tsx";
import { go } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";

/** A saved view has an address of its own, and leads to what it shows now. */
export function ViewScreen({ params: { slug = "" } }: ScreenProps) {
  const path = `/api/v1/views/${encodeURIComponent(slug)}`;
  const { data, trouble, reload } = useResource<SavedView>(path, { everyMs: 0 });
  useEffect(() => {
    if (data?.slug !== slug) return;
    const query = new URLSearchParams({ q: data.query });
    if (data.columns.length > 0) query.set("columns", data.columns.join(","));
    go(`/runs?${query}`, "replace");
  }, [data, slug]);
  return (
    <Page title="Saved view">
      {trouble ? (
        <TroublePanel trouble={trouble} onRetry={reload} />
      ) : (
        <Loading what="view" rows={12} />
      )}
    </Page>
  );
}
