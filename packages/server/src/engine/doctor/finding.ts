import type { Finding } from "@millrace/core/api";

export type { Finding };

export function ok(check: string, text: string): Finding {
  return { check, level: "ok", text };
}

export function warn(check: string, text: string, fix: string): Finding {
  return { check, level: "warn", text, fix };
}

export function bad(check: string, text: string, fix: string): Finding {
  return { check, level: "bad", text, fix };
}
