import { MillraceError, type Projects } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { missingProjects } from "../store/projects.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * To which projects somebody is to be confined: no further than who says so.
 *
 * @param projects undefined for as far as who says so; null for the whole installation
 * @throws MillraceError `forbidden` for the whole installation by who is confined; `project_not_found`
 */
export async function confinement(
  tx: Queryable,
  caller: Caller,
  projects: Projects | undefined,
): Promise<Projects> {
  if (projects === undefined) return caller.projects;
  if (projects === null) {
    if (caller.projects === null) return null;
    throw new MillraceError(
      "forbidden",
      "who is confined to projects gives nobody the whole installation; name projects of your own",
      { pointer: "/projects" },
    );
  }
  const named = [...new Set(projects)].sort();
  await requireProjects(tx, caller, named, "/projects");
  return named;
}

/** @throws MillraceError `project_not_found`, also for one that is not the caller's */
export async function requireProjects(
  tx: Queryable,
  { projects }: Pick<Caller, "projects">,
  names: readonly string[],
  pointer?: string,
): Promise<void> {
  const foreign = projects === null ? undefined : names.find((name) => !projects.includes(name));
  const missing = foreign ?? (await missingProjects(tx, names))[0]?.name;
  if (missing !== undefined) throw noProject(missing, pointer);
}

export function noProject(name: string, pointer?: string): MillraceError {
  return new MillraceError(
    "project_not_found",
    `there is no project ${JSON.stringify(name)}; GET /api/v1/projects lists them`,
    { pointer },
  );
}
