import { DEFAULT_PROJECT, MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { readProject } from "../store/projects.ts";
import type { Queryable } from "../store/statement.ts";
import { noProject } from "./confinement.ts";

/**
 * To which project something belongs that is set under a name: one that is there stays where it is; a new one goes to the project that is named, else
 * to the caller's own, when that is one alone.
 *
 * @param what such as `secret CRM_TOKEN`
 * @throws MillraceError `name_taken` for one of another project; `project_not_found`; `invalid_request` when it must be said
 */
export async function projectToBe(
  tx: Queryable,
  { projects }: Caller,
  what: string,
  before: { project: string } | undefined,
  asked: string | undefined,
): Promise<string> {
  if (before) {
    const foreign = projects !== null && !projects.includes(before.project);
    if (foreign || (asked !== undefined && asked !== before.project)) throw nameTaken(what);
    return before.project;
  }
  const project = asked ?? own(projects, what);
  const mine = projects === null || projects.includes(project);
  const [found] = mine ? await readProject(tx, project) : [];
  if (!found) throw noProject(project, "/project");
  return project;
}

function own(projects: Caller["projects"], what: string): string {
  if (projects === null) return DEFAULT_PROJECT;
  if (projects.length === 1) return projects[0]!;
  throw new MillraceError(
    "invalid_request",
    `/project: say to which of ${projects.join(", ")} the ${what} is to belong`,
    { pointer: "/project" },
  );
}

/** Names are of the whole installation, so it must be told. */
export function nameTaken(what: string): MillraceError {
  return new MillraceError(
    "name_taken",
    `${what}: the name belongs to another project already; names are of the whole installation, so choose another`,
  );
}
