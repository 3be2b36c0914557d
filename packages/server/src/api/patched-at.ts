import type { JsonPatch } from "@millrace/core/api";
import type { InputCheck } from "../engine/intake.ts";
import { type PatchedInput, patchedInputOf } from "../engine/patched-input.ts";
import type { Queryable } from "../store/statement.ts";
import { placed } from "./accept.ts";

/** Where the parts of a patched rerun stand in its request: what comes of the patch is its doing. */
const FIELDS = { job: "/patch", input: "/patch", queue: "/patch" };

/** {@link patchedInputOf}, with what is wrong placed in the request. */
export function patchedAt(
  db: Queryable,
  intake: InputCheck,
  runId: string,
  patch: JsonPatch,
): Promise<PatchedInput> {
  return patchedInputOf(db, intake, runId, patch).catch((error: unknown) => {
    throw placed(error, FIELDS);
  });
}
