import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useResource } from "../data/resource.ts";
import { Given } from "./conditions.tsx";

/**
 * A list of which each page is asked for when somebody wants more, and stays as fresh as the first: what was handled leaves it by itself.
 *
 * @param pathOf where a page is; undefined for the first
 * @param next where the one after begins; null at the end
 */
export function Pages<P>({
  what,
  pathOf,
  next,
  cursor,
  children,
}: {
  what: string;
  pathOf: (cursor: string | undefined) => string;
  next: (page: P) => string | number | null;
  cursor?: string;
  children: (page: P, isFirst: boolean) => ComponentChildren;
}) {
  const shown = useResource<P>(pathOf(cursor));
  const [more, setMore] = useState(false);
  return (
    <Given shown={shown} what={what}>
      {(page) => {
        const after = next(page);
        return (
          <>
            {children(page, cursor === undefined)}
            {after !== null && !more && (
              <button type="button" class="more" onClick={() => setMore(true)}>
                Show more
              </button>
            )}
            {after !== null && more && (
              <Pages<P> {...{ what, pathOf, next, children }} cursor={String(after)} />
            )}
          </>
        );
      }}
    </Given>
  );
}
