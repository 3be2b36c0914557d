/** What says something else once an alert, a rule, a target or a silence has changed. */
export const ALERT_CHANGES = [
  "/api/v1/alerts",
  "/api/v1/alert-rules",
  "/api/v1/alert-targets",
  "/api/v1/alert-silences",
  "/api/v1/audit",
];
