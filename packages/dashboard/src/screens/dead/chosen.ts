/** A group of dead letters; those that an older version recorded have no fingerprint, and are told by their class. */
export type Chosen = { fingerprint: string } | { errorClass: string };

/** The group that an address is about; undefined for all of them. */
export function chosenBy(query: URLSearchParams): Chosen | undefined {
  const fingerprint = query.get("group");
  if (fingerprint) return { fingerprint };
  const errorClass = query.get("class");
  return errorClass ? { errorClass } : undefined;
}

/** @param act the dialog to be open */
export function linkOf(chosen: Chosen, act?: "rerun" | "dismiss"): string {
  const query = new URLSearchParams(
    "fingerprint" in chosen ? { group: chosen.fingerprint } : { class: chosen.errorClass },
  );
  if (act) query.set("do", act);
  return `/dead?${query}`;
}

/** What says something else once a dead letter is handled. */
export const DEAD_CHANGES = [
  "/api/v1/dead-letters",
  "/api/v1/errors",
  "/api/v1/operations",
  "/api/v1/overview",
  "/api/v1/runs",
];
