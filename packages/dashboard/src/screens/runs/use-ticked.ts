import { useCallback, useEffect, useRef, useState } from "preact/hooks";

interface Ticked {
  ids: ReadonlySet<string>;
  last: number | undefined;
}

const NONE: Ticked = { ids: new Set(), last: undefined };

/** What is ticked in a list, by its place or all from the last one to it. It stays when the list changes, and goes with what is looked for. */
export function useTicked(query: string, idAt: (index: number) => string | undefined) {
  const [{ ids }, setTicked] = useState<Ticked>(NONE);
  useEffect(() => setTicked(NONE), [query]);
  const latest = useRef(idAt);
  latest.current = idAt;
  // The same at every rendering: rows that stay as they are are not drawn anew.
  const tick = useCallback((index: number, upTo: boolean) => {
    setTicked((ticked) => {
      const changed = new Set(ticked.ids);
      const other = (upTo ? ticked.last : undefined) ?? index;
      const adds = upTo || !changed.has(latest.current(index) ?? "");
      for (let one = Math.min(other, index); one <= Math.max(other, index); one++) {
        const id = latest.current(one);
        if (id !== undefined) changed[adds ? "add" : "delete"](id);
      }
      return { ids: changed, last: index };
    });
  }, []);
  const clear = useCallback(() => setTicked(({ last }) => ({ ids: NONE.ids, last })), []);
  return { ticked: ids, tick, clear };
}
