import type { PersonInfo } from "@millrace/core/api";
import type { PersonRow } from "../../store/people.ts";
import { instant } from "./instant.ts";

export function presentPerson(row: PersonRow): PersonInfo {
  const active = row.has_password || row.has_sign_on;
  return {
    email: row.email,
    name: row.name,
    role: row.role as PersonInfo["role"],
    roleFrom: row.role_from,
    projects: row.projects && [...row.projects],
    state: row.disabled_at ? "disabled" : active ? "active" : "invited",
    setupUntil: instant(row.setup_until),
    password: row.has_password,
    signOn: row.has_sign_on,
    secondFactor: row.has_second_factor,
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    loggedInAt: instant(row.logged_in_at),
    disabledAt: instant(row.disabled_at),
  };
}
