/**
 * The first part of every address of the dashboard: below these, and at `/`, the server answers the same document, and the document's script
 * tells what to show. So a link into the dashboard can be opened from anywhere, and nothing else of the server has such a name.
 */
export const DASHBOARD_PATHS = [
  "runs",
  "errors",
  "dead",
  "queues",
  "jobs",
  "schedules",
  "workers",
  "waiting",
  "bulk",
  "alerts",
  "settings",
  "system",
  "v",
  "i",
] as const;

export type DashboardPath = "/" | `/${(typeof DASHBOARD_PATHS)[number]}${string}`;
