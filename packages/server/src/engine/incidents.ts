import { randomInt } from "node:crypto";
import { MillraceError, may, parseQuery } from "@millrace/core";
import { type IncidentSnapshot, MAX_INCIDENT_NOTES, MAX_INCIDENTS } from "@millrace/core/api";
import { type Caller, placeOf } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import {
  type IncidentNoteRow,
  type IncidentRow,
  countIncidentNotes,
  countIncidents,
  insertIncident,
  insertIncidentNote,
  lockIncidents,
  removeIncident,
} from "../store/incidents.ts";
import { asCaller } from "./as-caller.ts";

/** Without what is read as something else: addresses are told by mouth, too. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const LETTERS_OF_A_SLUG = 8;

/** What is to be kept. */
export interface GivenIncident {
  readonly title: string;
  readonly note: string | undefined;
  readonly query: string | null;
  readonly from: Date;
  readonly to: Date;
  readonly snapshot: IncidentSnapshot;
}

/**
 * Keeps what was seen, under an address of its own.
 *
 * @throws MillraceError `forbidden`, `too_many_incidents`; QuerySyntaxError
 */
export function keepIncident(
  db: Database | Transaction,
  caller: Caller,
  { title, note, query, from, to, snapshot }: GivenIncident,
): Promise<IncidentRow> {
  return asCaller(db, caller, "operate", "own", async (tx, tell) => {
    if (query !== null) parseQuery(query);
    const { projects } = caller;
    await lockIncidents(tx, JSON.stringify(projects));
    const [kept] = await countIncidents(tx, projects);
    if (kept!.incidents >= MAX_INCIDENTS) {
      throw new MillraceError(
        "too_many_incidents",
        `${MAX_INCIDENTS.toLocaleString("en")} incidents are kept already, as many as there may be; remove some`,
      );
    }
    const text = JSON.stringify(snapshot);
    let made: IncidentRow | undefined;
    while (made === undefined) {
      [made] = await insertIncident(
        tx,
        newSlug(),
        title,
        query,
        from,
        to,
        text,
        placeOf(caller),
        projects,
      );
    }
    if (note !== undefined) await insertIncidentNote(tx, made.id, caller.name, note);
    // Neither the query nor the note, in which there may be what runs work on.
    tell("incident.made", `incident:${made.slug}`, { after: { title, projects: listed(made) } });
    return made;
  });
}

/**
 * Adds what somebody found.
 *
 * @throws MillraceError `forbidden`, `incident_not_found`, `too_many_notes`
 */
export function noteIncident(
  db: Database | Transaction,
  caller: Caller,
  slug: string,
  text: string,
): Promise<IncidentNoteRow> {
  return asCaller(db, caller, "operate", "own", async (tx, tell) => {
    await lockIncidents(tx, slug);
    const [incident] = await countIncidentNotes(tx, slug, caller.projects);
    if (!incident) throw noIncident(slug);
    if (incident.notes >= MAX_INCIDENT_NOTES) {
      throw new MillraceError(
        "too_many_notes",
        `the incident has ${MAX_INCIDENT_NOTES} notes, as many as one may`,
      );
    }
    const [note] = await insertIncidentNote(tx, incident.id, caller.name, text);
    tell("incident.noted", `incident:${slug}`, { after: { projects: listed(incident) } });
    return note!;
  });
}

/**
 * Removes one's own incident, or as who administers that of somebody else.
 *
 * @throws MillraceError `forbidden`, `incident_not_found`
 */
export function dropIncident(db: Database, caller: Caller, slug: string): Promise<void> {
  return asCaller(db, caller, "operate", "own", async (tx, tell) => {
    const administers = may(caller.role, "administer");
    const [gone] = await removeIncident(tx, slug, placeOf(caller), caller.projects, administers);
    if (!gone) throw noIncident(slug, "that you may remove");
    const { title, owner } = gone;
    tell("incident.removed", `incident:${slug}`, {
      before: { title, owner, projects: listed(gone) },
    });
  });
}

export function noIncident(slug: string, which = "that you may see"): MillraceError {
  return new MillraceError(
    "incident_not_found",
    `there is no incident ${slug} ${which}; GET /api/v1/incidents lists them`,
  );
}

function listed({ projects }: IncidentRow): string[] | null {
  return projects === null ? null : [...projects];
}

function newSlug(): string {
  return Array.from({ length: LETTERS_OF_A_SLUG }, () => LETTERS[randomInt(LETTERS.length)]).join(
    "",
  );
}
