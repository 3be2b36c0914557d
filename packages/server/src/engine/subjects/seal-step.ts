import type { KeyObject } from "node:crypto";
import type { Queryable } from "../../store/statement.ts";
import { subjectOfRun } from "../../store/subjects.ts";
import { RunSeal } from "./run-seal.ts";
import { type Subjects, keyMissing, subjectErased } from "./subjects.ts";

/**
 * What somebody says that a step of a run gave, as it may be kept.
 *
 * @throws MillraceError `subject_erased`, `secret_key_missing`
 */
export async function sealStepOf(
  tx: Queryable,
  subjects: Subjects,
  run: string,
  json: string,
): Promise<string> {
  const [about] = await subjectOfRun(tx, run);
  if (!about) return json;
  const id = about.subject_id;
  const key = (await subjects.keysOf([id], tx)).get(id)!;
  if (key === "erased") throw subjectErased();
  if (typeof key === "string") throw keyMissing("this process");
  return new RunSeal(id, key satisfies KeyObject, run).json("step", json);
}
