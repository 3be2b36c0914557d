import type { Projects, Role } from "@millrace/core";

/** Who asks, as use-cases are told. */
export function by(
  name: string,
  role: Role = "admin",
  projects: Projects = null,
): { name: string; role: Role; projects: Projects } {
  return { name, role, projects };
}
