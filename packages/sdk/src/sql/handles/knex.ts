import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** A `Transaction` of Knex on PostgreSQL. */
export interface KnexTransaction {
  raw(text: string, value: string): PromiseLike<unknown>;
  isCompleted(): boolean;
}

export function fromKnex(handle: object): Ask | undefined {
  if (typeof handle !== "function" || !hasMethods(handle, "raw") || !("client" in handle)) {
    return undefined;
  }
  const knex = handle as unknown as KnexTransaction & {
    isTransaction?: boolean;
    client?: { dialect?: string };
  };
  if (knex.client?.dialect !== "postgresql") {
    refuseHandle(
      `a Knex of ${knex.client?.dialect ?? "no database"}`,
      "Millrace works on PostgreSQL",
    );
  }
  if (!knex.isTransaction) {
    refuseHandle(
      "a Knex instance without a transaction",
      "pass the trx that knex.transaction(async (trx) => { … }) hands to its callback",
    );
  }
  return async (text, value) => onlyValue(await knex.raw(text.replace("$1", "?"), value));
}
