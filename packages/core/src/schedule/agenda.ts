import { type PreviewedOccurrence, previewOccurrences } from "./preview.ts";
import type { Rule } from "./rule.ts";
import { Zone } from "./zone.ts";

export interface AgendaEntry extends Pick<
  PreviewedOccurrence,
  "at" | "local" | "dst" | "blackout"
> {
  schedule: string;
  job: string;
  zone: string;
}

/** A change of the clocks of a zone: `minutes` is 60 when they go forward by an hour. */
export interface Shift {
  zone: string;
  at: string;
  minutes: number;
}

interface Scheduled {
  name: string;
  job: string;
  rule: Rule;
  /** Nothing before this instant, as for one that is paused until then. */
  notBefore: number;
}

/**
 * When a schedule fires in a range, which ends before `until`.
 *
 * @param most so many at the most; when there are more, `more` says after which instant
 */
export function agendaOf(
  { name, job, rule, notBefore }: Scheduled,
  from: number,
  until: number,
  most: number,
): { entries: AgendaEntry[]; more: string | null } {
  if (notBefore >= until) return { entries: [], more: null };
  const found = previewOccurrences(rule, name, Math.max(from, notBefore) - 1, most + 1).filter(
    ({ at }) => Date.parse(at) < until,
  );
  const entries = found.slice(0, most).map(({ at, local, dst, blackout }) => ({
    ...{ schedule: name, job, at, local, zone: rule.timeZone, dst, blackout },
  }));
  return { entries, more: found.length > most ? entries.at(-1)!.at : null };
}

/** The changes of the clocks of a zone in a range. */
export function shiftsOf(zoneName: string, from: number, until: number): Shift[] {
  const zone = Zone.of(zoneName);
  const shifts: Shift[] = [];
  for (let at = from; ;) {
    const change = zone.changeWithin(at, until);
    if (change === undefined || change >= until) return shifts;
    const minutes = Math.round((zone.offsetAt(change) - zone.offsetAt(change - 1)) / 60_000);
    shifts.push({ zone: zoneName, at: new Date(change).toISOString(), minutes });
    at = change;
  }
}
