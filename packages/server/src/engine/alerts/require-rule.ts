import { ALERT_KIND_NAMES, MillraceError, type Projects, didYouMean } from "@millrace/core";
import { listAlertRules } from "../../store/alert-rules.ts";
import { hasAlertOf } from "../../store/alerts.ts";
import type { Queryable } from "../../store/statement.ts";

/** Rules may be 300, with long names; who reads an error reads no more. */
const MOST_NAMED = 40;

/**
 * Of which alerts somebody may ask: a rule of the installation or of their projects, or one that is gone and has left alerts. What is of other projects is
 * as what is not there.
 *
 * @throws MillraceError `alert_rule_not_found`, which names those that there are: a name that is mistyped would else be one about which nothing is wrong
 */
export async function requireAlertRule(
  db: Queryable,
  projects: Projects,
  name: string,
): Promise<void> {
  const kinds: readonly string[] = ALERT_KIND_NAMES;
  if (kinds.includes(name)) return;
  const own = (await listAlertRules(db, null))
    .filter(({ project }) => project === null || projects === null || projects.includes(project))
    .map((rule) => rule.name);
  if (own.includes(name)) return;
  if ((await hasAlertOf(db, name, projects)).length > 0) return;
  const names = [...kinds, ...own.filter((one) => !kinds.includes(one))];
  const near = didYouMean(name, names);
  const there = near === "" ? "; there are" : `${near} There are`;
  const more = names.length > MOST_NAMED ? ", …" : "";
  throw new MillraceError(
    "alert_rule_not_found",
    `there is no alert rule ${JSON.stringify(name)}${there} ${names.slice(0, MOST_NAMED).join(", ")}${more}`,
    { pointer: "/rule" },
  );
}
