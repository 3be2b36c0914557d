import type { Incident, IncidentInfo, IncidentNote, IncidentSnapshot } from "@millrace/core/api";
import { type Caller, placeOf } from "../../security/caller.ts";
import type { IncidentNoteRow, IncidentRow } from "../../store/incidents.ts";
import { instant } from "./instant.ts";

export function presentIncidentInfo(
  row: IncidentRow & { notes: number },
  caller: Caller,
): IncidentInfo {
  return { ...headOf(row, caller), notes: row.notes };
}

export function presentIncident(
  row: IncidentRow,
  snapshot: IncidentSnapshot,
  notes: readonly IncidentNoteRow[],
  caller: Caller,
): Incident {
  return {
    ...headOf(row, caller),
    snapshot,
    notes: notes.map(presentIncidentNote),
  };
}

export function presentIncidentNote({ at, author, text }: IncidentNoteRow): IncidentNote {
  return { at: instant(at), by: author, text };
}

function headOf(row: IncidentRow, caller: Caller) {
  const { slug, title, query, owner } = row;
  return {
    ...{ slug, title, query },
    ...{ from: instant(row.from_at), to: instant(row.to_at) },
    ...{ by: owner, mine: owner === placeOf(caller), createdAt: instant(row.created_at) },
  };
}
