/** What says something else once an alert, a rule or a silence has changed. */
export const ALERT_CHANGES = ["/api/v1/alerts", "/api/v1/alert-rules", "/api/v1/alert-silences"];
