/** How much an alert matters, the most first. */
export const SEVERITIES = ["critical", "warning", "info"] as const;
