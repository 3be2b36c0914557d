import { MillraceError } from "@millrace/core";
import type { Variable } from "./setting-variables.ts";

/** What each of these variables is nothing without. */
const TOGETHER: Partial<Record<Variable, readonly Variable[]>> = {
  MILLRACE_OIDC_ISSUER: ["MILLRACE_OIDC_CLIENT_ID", "MILLRACE_PUBLIC_URL"],
  MILLRACE_OIDC_CLIENT_ID: ["MILLRACE_OIDC_ISSUER"],
  MILLRACE_OIDC_CLIENT_SECRET: ["MILLRACE_OIDC_ISSUER"],
  MILLRACE_OIDC_SCOPE: ["MILLRACE_OIDC_ISSUER"],
  MILLRACE_OIDC_ROLE_CLAIM: ["MILLRACE_OIDC_ISSUER", "MILLRACE_OIDC_ROLES"],
  MILLRACE_OIDC_ROLES: ["MILLRACE_OIDC_ISSUER", "MILLRACE_OIDC_ROLE_CLAIM"],
};

/** @throws MillraceError `invalid_setting` */
export function requireTogether(given: Record<string, string | undefined>): void {
  const wrong = Object.entries(TOGETHER).flatMap(([name, others]) => {
    const missing = others.filter((other) => given[other] === undefined);
    if (given[name] === undefined || missing.length === 0) return [];
    return [`${name}: it does nothing without ${missing.join(" and ")}; set both, or neither`];
  });
  if (wrong.length > 0) throw new MillraceError("invalid_setting", wrong.join("\n"));
}
