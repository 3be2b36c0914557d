import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** A `Transaction` or `ControlledTransaction` of Kysely. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: never): Promise<{ rows: unknown[] }>;
}

export function fromKysely(handle: object): Ask | undefined {
  if (!hasMethods(handle, "executeQuery", "selectFrom") || !("isTransaction" in handle)) {
    return undefined;
  }
  if (handle.isTransaction !== true) {
    refuseHandle(
      "a Kysely instance without a transaction",
      "pass the trx that db.transaction().execute(async (trx) => { … }) hands to its callback",
    );
  }
  const trx = handle as unknown as KyselyTransaction;
  return async (text, value) => onlyValue(await trx.executeQuery(query(text, value) as never));
}

/** What Kysely's `CompiledQuery.raw` makes. */
function query(sql: string, value: string): object {
  return {
    sql,
    parameters: [value],
    query: { kind: "RawNode", sqlFragments: [sql], parameters: [] },
    queryId: { queryId: "millrace" },
  };
}
