import type { ApiKeyInfo } from "@millrace/core/api";
import type { ApiKeyRow } from "../../store/api-keys.ts";
import { instant } from "./instant.ts";

export function presentApiKey(row: ApiKeyRow): ApiKeyInfo {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    projects: row.projects && [...row.projects],
    state: row.revoked_at ? "revoked" : row.valid ? "valid" : "expired",
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    expiresAt: instant(row.expires_at),
    revokedAt: instant(row.revoked_at),
    successor: row.successor,
    lastUsedAt: instant(row.last_used_at),
  };
}
