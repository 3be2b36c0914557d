import { useEffect, useState } from "preact/hooks";

/** What is ticked in a list, by its place or all from the last one to it. It stays when the list changes, and goes with what is looked for. */
export function useTicked(query: string, idAt: (index: number) => string | undefined) {
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [last, setLast] = useState<number>();
  useEffect(() => setTicked(new Set()), [query]);
  const tick = (index: number, upTo: boolean) => {
    const changed = new Set(ticked);
    const from = upTo && last !== undefined ? Math.min(last, index) : index;
    const to = upTo && last !== undefined ? Math.max(last, index) : index;
    const adds = upTo || !ticked.has(idAt(index) ?? "");
    for (let one = from; one <= to; one++) {
      const id = idAt(one);
      if (id !== undefined) changed[adds ? "add" : "delete"](id);
    }
    setLast(index);
    setTicked(changed);
  };
  return { ticked, tick, clear: () => setTicked(new Set()) };
}
