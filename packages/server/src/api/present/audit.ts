import { type Json, readExactJson } from "@millrace/core";
import type { AuditEntry } from "@millrace/core/api";
import type { AuditRow } from "../../store/audit.ts";

type Told = { readonly [key: string]: Json | undefined };

/** Shows also what somebody has written over: whoever verifies the chain must see it. */
export function presentAuditEntry({ seq, entry, hash }: AuditRow): AuditEntry {
  const told = readExactJson(entry) as Told;
  return {
    seq,
    at: textOf(told["at"]) ?? "",
    actor: textOf(told["actor"]) ?? "",
    role: textOf(told["role"]),
    address: textOf(told["address"]),
    request: textOf(told["request"]),
    database: textOf(told["database"]) ?? "",
    action: textOf(told["action"]) ?? "",
    object: textOf(told["object"]) ?? "",
    project: textOf(told["project"]),
    before: told["before"] ?? null,
    after: told["after"] ?? null,
    entry,
    hash,
  };
}

function textOf(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
