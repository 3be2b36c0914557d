import type { SecretInfo } from "@millrace/core/api";
import type { SecretRow } from "../../store/secrets.ts";
import { instant } from "./instant.ts";

export function presentSecret(row: SecretRow): SecretInfo {
  return {
    name: row.name,
    project: row.project,
    version: row.version,
    source: row.source,
    jobs: row.jobs,
    hosts: row.hosts,
    keyId: row.key_id,
    expiresAt: row.expires_at && instant(row.expires_at),
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    changedAt: instant(row.changed_at),
    changedBy: row.changed_by,
  };
}
