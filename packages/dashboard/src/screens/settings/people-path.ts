export const PEOPLE = "/api/v1/people";

/** What says something else once somebody's access has changed. */
export const PEOPLE_CHANGES = [PEOPLE, "/api/v1/audit"];
