import type { ScheduleInfo } from "@millrace/core/api";
import { useMemo } from "preact/hooks";
import { exactTime, inUtc, now } from "../../parts/moment.ts";
import { isPausedAt, upcomingOf } from "./upcoming.ts";

const DAY_MS = 86_400_000;
/** What is reckoned from holds for a minute, so that not every second reckons anew. */
const HELD_MS = 60_000;

function useMinute(): number {
  return Math.floor(now.value / HELD_MS) * HELD_MS;
}

/** When it fires in the next 24 hours, as ticks on a line from now on. */
export function DayStrip({ schedule }: { schedule: ScheduleInfo }) {
  const from = useMinute();
  const { occurrences, more } = useMemo(
    () => upcomingOf(schedule, from, from + DAY_MS),
    [schedule, from],
  );
  const firing = occurrences.filter(({ at }) => !isPausedAt(schedule, at));
  const skipped = occurrences.length - firing.length;
  const words = more
    ? `more than ${occurrences.length.toLocaleString("en")}`
    : firing.length.toLocaleString("en");
  return (
    <div class="strip">
      <svg viewBox="0 0 240 16" preserveAspectRatio="none" aria-hidden="true">
        {[60, 120, 180].map((x) => (
          <line key={x} class="strip-hour" x1={x} x2={x} y1={0} y2={16} />
        ))}
        {more ? (
          <rect class="strip-tick" x={0} y={4} width={240} height={8} />
        ) : (
          occurrences.map(({ at }) => (
            <rect
              key={at}
              class={isPausedAt(schedule, at) ? "strip-tick skipped" : "strip-tick"}
              x={((Date.parse(at) - from) / DAY_MS) * 239}
              y={3}
              width={1.5}
              height={10}
            />
          ))
        )}
      </svg>
      <span class="muted">
        {words}
        {skipped > 0 && `, ${skipped} skipped`}
      </span>
    </div>
  );
}

/** How many start at the same minute before it is worth a word. */
const CROWD = 3;

/** Where several schedules start in the same minute of the next 24 hours: they wait for each other, or for what they all use. */
export function Together({ schedules }: { schedules: readonly ScheduleInfo[] }) {
  const from = useMinute();
  const crowd = useMemo(() => fullestMinute(schedules, from), [schedules, from]);
  if (!crowd || crowd.names.length < CROWD) return null;
  const { at, names } = crowd;
  const shown = names.slice(0, 5).join(", ");
  return (
    <p class="together">
      <strong>{names.length} start together</strong> at {exactTime(at, inUtc.value).slice(0, 16)}:{" "}
      {shown}
      {names.length > 5 && " and others"}. <span class="muted">Jitter would spread them.</span>
    </p>
  );
}

/** Those that fire all the time start together with everything, and are left out. */
function fullestMinute(
  schedules: readonly ScheduleInfo[],
  from: number,
): { at: string; names: string[] } | undefined {
  const minutes = new Map<string, Set<string>>();
  for (const schedule of schedules) {
    const { occurrences, more } = upcomingOf(schedule, from, from + DAY_MS);
    if (more || occurrences.length > 48) continue;
    for (const { at } of occurrences) {
      if (isPausedAt(schedule, at)) continue;
      const minute = `${at.slice(0, 16)}:00.000Z`;
      minutes.set(minute, (minutes.get(minute) ?? new Set()).add(schedule.name));
    }
  }
  const [fullest] = [...minutes].toSorted(([, a], [, b]) => b.size - a.size);
  return fullest && { at: fullest[0], names: [...fullest[1]] };
}
