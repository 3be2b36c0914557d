import { formatDuration } from "@millrace/core";
import { listExpiredSecrets, listUnmetSecrets } from "../../store/secrets.ts";
import type { Queryable } from "../../store/statement.ts";
import { count } from "../../runtime/amounts.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** So many jobs that want a secret are named. */
const NAMED = 3;

/**
 * Whether the jobs of the workers that live have the secrets that they declare, and whether those still work.
 *
 * @param now by the database's clock
 */
export async function checkSecrets(db: Queryable, now: Date): Promise<Finding[]> {
  const unmet = await listUnmetSecrets(db);
  const expired = await listExpiredSecrets(db);
  const findings = [
    ...unmet.map(({ secret, jobs, there }) => {
      const named = jobs.slice(0, NAMED).join(", ");
      const who = jobs.length > NAMED ? `${named} and ${jobs.length - NAMED} more` : named;
      const what = there ? "is not given to" : "is not set, and is wanted by";
      return bad(
        "secrets",
        `secret ${secret} ${what} ${count(jobs.length, "job")} of living workers: ${who}, whose runs cannot start`,
        there
          ? `set it again, with each job that is to have it: millrace secrets set ${secret} --job …`
          : `millrace secrets set ${secret} ${jobs.map((job) => `--job ${job}`).join(" ")}`,
      );
    }),
    ...expired.map(({ name, expires_at: at }) =>
      warn(
        "secrets",
        `secret ${name} expired ${formatDuration(now.getTime() - at.getTime())} ago, as was said when it was set`,
        `millrace secrets set ${name}`,
      ),
    ),
  ];
  if (findings.length > 0) return findings;
  return [ok("secrets", "every job of a living worker has the secrets that it declares")];
}
