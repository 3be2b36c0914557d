import type { ComponentChildren } from "preact";
import { useEffect, useId } from "preact/hooks";
import { go, place, withQuery } from "../routing/router.ts";

export interface Tab {
  id: string;
  title: string;
  /** Shown behind the title. */
  count?: number | undefined;
  content: () => ComponentChildren;
}

/** Tabs of which the one that is open stands in the address, so that a link leads to it. Arrows move between them. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly Tab[] }) {
  const id = useId();
  const asked = place.value.query.get("tab");
  const open = tabs.find((tab) => tab.id === asked) ?? tabs[0]!;
  const show = (tab: Tab) =>
    go(withQuery({ tab: tab === tabs[0] ? undefined : tab.id }), "replace");
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(open) + by + tabs.length) % tabs.length]!;
    show(next);
    document.getElementById(`${id}-${next.id}`)?.focus();
  };
  useEffect(() => {
    // Where there are more than fit, a link leads to one that is beyond the edge.
    const shown = document.getElementById(`${id}-${open.id}`);
    shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [open.id]);
  return (
    <section class="tabs">
      <div role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            type="button"
            role="tab"
            key={tab.id}
            id={`${id}-${tab.id}`}
            aria-selected={tab === open}
            aria-controls={`${id}-panel`}
            tabIndex={tab === open ? 0 : -1}
            onClick={() => show(tab)}
          >
            {tab.title}
            {tab.count !== undefined && <span class="count"> {tab.count}</span>}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${open.id}`}>
        {open.content()}
      </div>
    </section>
  );
}
