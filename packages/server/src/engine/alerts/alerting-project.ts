import { MillraceError } from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import { readProject } from "../../store/projects.ts";
import type { Queryable } from "../../store/statement.ts";
import { noProject } from "../confinement.ts";

/**
 * Of which project a rule, a silence or a target is to be that is made: null, of the whole installation, unless somebody says one, or who makes it is
 * confined to one.
 *
 * @throws MillraceError `project_not_found`; `invalid_request` when it must be said
 */
export async function alertingProject(
  tx: Queryable,
  { projects }: Caller,
  asked: string | undefined,
  what: string,
): Promise<string | null> {
  if (asked === undefined) {
    if (projects === null) return null;
    if (projects.length === 1) return projects[0]!;
    throw new MillraceError(
      "invalid_request",
      `/project: say to which of ${projects.join(", ")} the ${what} is to belong`,
      { pointer: "/project" },
    );
  }
  const mine = projects === null || projects.includes(asked);
  const [found] = mine ? await readProject(tx, asked) : [];
  if (!found) throw noProject(asked, "/project");
  return asked;
}
