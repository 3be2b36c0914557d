import type { readServerFacts } from "../../store/server-facts.ts";

/** Major versions of PostgreSQL that were tried. */
export const OLDEST = 15;
export const NEWEST = 18;

export type ServerFacts = Awaited<ReturnType<typeof readServerFacts>>[number];

export function majorOf(facts: ServerFacts): number {
  return Math.floor(facts.version_number / 10_000);
}

/** A sentence with the fix for each reason why an acknowledged run could be lost here. */
export function unsafeSettings(facts: ServerFacts): string[] {
  const wrong: string[] = [];
  if (facts.in_recovery) {
    wrong.push("the server is a standby that takes no writes; set DATABASE_URL to the primary");
  }
  for (const name of ["fsync", "full_page_writes", "synchronous_commit"] as const) {
    if (facts[name] !== "off") continue;
    wrong.push(
      `${name} is off, so a crash of the server could lose acknowledged runs; switch it on: alter system set ${name} = on; select pg_reload_conf()`,
    );
  }
  return wrong;
}
