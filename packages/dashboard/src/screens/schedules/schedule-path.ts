/** What says something else once a schedule was changed. */
export const SCHEDULE_CHANGES = ["/api/v1/schedules", "/api/v1/overview"];

export function schedulePath(name: string): string {
  return `/api/v1/schedules/${encodeURIComponent(name)}`;
}
