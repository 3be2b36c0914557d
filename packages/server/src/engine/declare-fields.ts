import type { Job } from "@millrace/sdk";
import { keepFields, proveFields } from "../store/job-fields.ts";
import type { Queryable } from "../store/statement.ts";

/** Lets the database know which fields jobs declare as searchable: those that it did not know are in the index from now on, or somewhat later. */
export async function declareFields(
  tx: Queryable,
  jobs: readonly Pick<Job, "name" | "searchable">[],
): Promise<void> {
  await keepFields(
    tx,
    JSON.stringify(
      jobs.flatMap(({ name, searchable }) => searchable.map((path) => ({ job: name, path }))),
    ),
    jobs.map(({ name }) => name),
  );
}

/** After {@link declareFields} was committed: where nobody has a transaction open from before, the index is complete from now on. Else maintenance finds out when. */
export async function proveDeclared(db: Queryable): Promise<void> {
  const [row] = await proveFields(db);
  if (row!.unproven > 0) await proveFields(db);
}
