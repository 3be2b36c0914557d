/** What says something else once a group of errors has changed. */
export const ERROR_CHANGES = ["/api/v1/errors", "/api/v1/overview"];
