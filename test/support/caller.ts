import type { Role } from "@millrace/core";

/** Who asks, as use-cases are told. */
export function by(name: string, role: Role = "admin"): { name: string; role: Role } {
  return { name, role };
}
