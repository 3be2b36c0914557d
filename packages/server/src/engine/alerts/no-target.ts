import { MillraceError, type Projects } from "@millrace/core";
import { FIND_WITHIN } from "../../store/scope.ts";
import type { Queryable } from "../../store/statement.ts";
import { readSubscription } from "../../store/webhook-subscriptions.ts";

/** What is said of a target that is not there. Webhooks are told of alerts, too, but are no targets: who has named one learns where it is tried. */
export async function noTarget(
  db: Queryable,
  projects: Projects,
  name: string,
): Promise<MillraceError> {
  const webhooks =
    projects === null
      ? await readSubscription(db, name)
      : await FIND_WITHIN.subscription(db, name, projects);
  const mend =
    webhooks.length === 0
      ? "GET /api/v1/alert-targets lists them"
      : `${name} is a webhook, and no target: try it by millrace webhooks test ${name}; webhooks log and webhooks rm are about it, too`;
  return new MillraceError(
    "alert_target_not_found",
    `there is no alert target ${JSON.stringify(name)}; ${mend}`,
  );
}
