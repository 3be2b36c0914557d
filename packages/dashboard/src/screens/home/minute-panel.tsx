import type { OverviewMinute } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { now } from "../../parts/moment.ts";
import { instant } from "../../routing/range.ts";
import { MinuteParts } from "./minute-parts.tsx";

/** Of a minute that has just ended something is told still. */
const SETTLED_MS = 2 * 60_000;

/** What is kept of a minute; of what is not, that it is not known. @param at its beginning, in milliseconds */
export function MinutePanel({ at }: { at: number }) {
  const fresh = now.peek() - at < SETTLED_MS;
  const path = `/api/v1/overview/minute?${new URLSearchParams({ at: instant(at) })}`;
  const shown = useResource<OverviewMinute>(path, { everyMs: fresh ? 5000 : 0 });
  return (
    <Given shown={shown} what="what was then" rows={8}>
      {(minute) => (
        <section class="then" aria-label="What was then">
          <MinuteParts minute={minute} />
        </section>
      )}
    </Given>
  );
}
