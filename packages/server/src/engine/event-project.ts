import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { projectOfRun } from "../store/scope.ts";
import type { Queryable } from "../store/statement.ts";
import { requireProjects } from "./confinement.ts";
import { requireWithin } from "./scope.ts";

/**
 * Into which project somebody sends an event: the one that is named, else that of the run which alone shall get it, else the caller's own. Who is
 * confined to none sends it to all, unless it is said.
 *
 * @returns null for all
 * @throws MillraceError `project_not_found`, `run_not_found`; `invalid_request` when it must be said
 */
export async function projectOfEvent(
  db: Queryable,
  caller: Caller,
  { project, run }: { project?: string | undefined; run?: string | undefined },
): Promise<string | null> {
  const { projects } = caller;
  if (project !== undefined) {
    await requireProjects(db, caller, [project], "/project");
    return project;
  }
  if (projects === null) return null;
  if (run !== undefined) {
    await requireWithin(db, caller, { run });
    const [row] = await projectOfRun(db, run);
    return row!.project;
  }
  if (projects.length === 1) return projects[0]!;
  throw new MillraceError(
    "invalid_request",
    `/project: say into which of ${projects.join(", ")} the event is sent`,
    { pointer: "/project" },
  );
}
