/** What one check of the doctor found. */
export interface Finding {
  check: string;
  /** `bad` makes the whole unhealthy; `warn` is worth a look. */
  level: "ok" | "warn" | "bad";
  text: string;
  fix?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, level: "ok", text };
}

export function warn(check: string, text: string, fix: string): Finding {
  return { check, level: "warn", text, fix };
}

export function bad(check: string, text: string, fix: string): Finding {
  return { check, level: "bad", text, fix };
}
