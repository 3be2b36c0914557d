import { type AlertTargetKind, MillraceError } from "@millrace/core";
import type { OutboundGuard } from "@millrace/sdk/http";
import { mailServer } from "../../security/mail-server.ts";
import type { AlertTargetConfig } from "../../store/alert-targets.ts";

export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

/** Where a target is, as somebody gives it; what is undefined stays. */
export interface GivenPlace {
  credential: string | null | undefined;
  /** Of PagerDuty. */
  url: string | undefined;
  /** Of e-mail: such as `smtps://mail.example.com` or `smtp://mail.example.com:587`. */
  server: string | undefined;
  user: string | null | undefined;
  from: string | undefined;
  to: readonly string[] | undefined;
}

const FIELDS = {
  slack: [],
  email: ["server", "user", "from", "to"],
  pagerduty: ["url"],
} as const satisfies Record<AlertTargetKind, readonly (keyof GivenPlace)[]>;

/**
 * What of a target is no secret; its addresses are checked as far as that goes without those of their names, which are checked whenever something is sent.
 *
 * @throws MillraceError `invalid_request`, `blocked_destination`
 */
export function configOf(
  kind: AlertTargetKind,
  {
    guard,
    given,
    before,
  }: { guard: OutboundGuard; given: GivenPlace; before: AlertTargetConfig | undefined },
): AlertTargetConfig {
  for (const field of ["url", "server", "user", "from", "to"] as const) {
    if (given[field] === undefined || (FIELDS[kind] as readonly string[]).includes(field)) continue;
    throw wrong(field, `a target of the kind ${kind} has no ${field}`);
  }
  if (kind === "slack") {
    if (typeof given.credential !== "string") return before ?? {};
    return { host: at("credential", () => guard.check(given.credential!)).host };
  }
  if (kind === "pagerduty") {
    const url = given.url ?? before?.url ?? PAGERDUTY_URL;
    return { url, host: at("url", () => guard.check(url)).host };
  }
  const server = needed("server", given.server ?? before?.server);
  at("server", () => mailServer(guard, server));
  return {
    server,
    user: given.user === undefined ? (before?.user ?? null) : given.user,
    from: needed("from", given.from ?? before?.from),
    to: [...needed("to", given.to ?? before?.to)],
  };
}

function at<T>(field: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, error.message, { pointer: `/${field}` });
  }
}

function needed<T>(field: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw wrong(field, "say it when the target is made");
}

function wrong(field: string, why: string): MillraceError {
  return new MillraceError("invalid_request", `/${field}: ${why}`, { pointer: `/${field}` });
}
