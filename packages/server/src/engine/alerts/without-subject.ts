import { ALERT_KINDS } from "@millrace/core";
import { missingSubjects } from "../../store/alert-rules.ts";
import type { Queryable } from "../../store/statement.ts";
import type { EffectiveRule } from "./effective-rule.ts";

/**
 * Of some rules those that tell nothing, as nothing has the name that they are about. A name may become known later, so such rules are let in; whoever
 * has mistyped it is to see it.
 */
export async function withoutSubject(
  db: Queryable,
  rules: readonly EffectiveRule[],
): Promise<ReadonlySet<EffectiveRule>> {
  const named = rules.filter(({ subject }) => subject !== null);
  if (named.length === 0) return new Set();
  const rows = await missingSubjects(
    db,
    named.map(({ kind }) => ALERT_KINDS[kind].about),
    named.map(({ subject }) => subject!),
    named.map(({ project }) => project),
  );
  return new Set(rows.map(({ place }) => named[place - 1]!));
}
