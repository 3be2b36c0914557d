import type { AlertTargetInfo } from "@millrace/core/api";

export const TARGETS_PATH = "/api/v1/alert-targets";

export function pathOfTarget(name: string): string {
  return `${TARGETS_PATH}/${encodeURIComponent(name)}`;
}

type Kind = AlertTargetInfo["kind"];

/** How each kind tells. */
export const KINDS: Readonly<Record<Kind, string>> = {
  slack: "Slack",
  email: "e-mail",
  pagerduty: "PagerDuty",
};

/** What is secret of each kind, and how it looks. */
export const CREDENTIALS: Readonly<Record<Kind, { label: string; hint: string }>> = {
  slack: { label: "URL of the incoming webhook", hint: "Whoever has it can write there." },
  email: { label: "Password", hint: "Of the user at the mail server." },
  pagerduty: { label: "Integration key", hint: "Of an Events API v2 integration." },
};
