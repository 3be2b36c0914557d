import type { ProjectInfo } from "@millrace/core/api";
import type { ProjectRow } from "../../store/projects.ts";
import { instant } from "./instant.ts";

export function presentProject(row: ProjectRow): ProjectInfo {
  const { name, jobs, queues, secrets, webhooks } = row;
  const made = { createdAt: instant(row.created_at), createdBy: row.created_by };
  return { name, ...made, jobs, queues, secrets, webhooks };
}
