/** What says something else once a queue was changed. */
export const QUEUE_CHANGES = ["/api/v1/queues", "/api/v1/pauses", "/api/v1/overview"];

export function queuePath(name: string): string {
  return `/api/v1/queues/${encodeURIComponent(name)}`;
}
