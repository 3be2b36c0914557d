import { MillraceError, toJsonText } from "@millrace/core";
import { type AnyEvent, type PayloadOf, checkPayload } from "../define-event.ts";
import type { EmitOptions } from "../send-event.ts";
import { explained, raisedIn } from "./database-error.ts";
import { type Transaction, askerOf } from "./transaction.ts";

/** An event that was sent in a transaction: it is there if, and only if, that commits. */
export interface EmittedInTransaction {
  id: string;
  /** False when it was sent before, under its key. */
  created: boolean;
}

const EMIT = `
  select json_build_array(id, created)::text
  from jsonb_to_record($1::text::jsonb) as e(name text, payload jsonb, run uuid, "idempotencyKey" text)
  cross join lateral millrace.emit(e.name, e.payload, e.run, e."idempotencyKey")`;

/** Not for those that name no project: a database that was not migrated yet takes them, too. */
const EMIT_INTO = `
  select json_build_array(id, created)::text
  from jsonb_to_record($1::text::jsonb) as e(name text, payload jsonb, run uuid, "idempotencyKey" text, project text)
  cross join lateral millrace.emit_into(e.project, e.name, e.payload, e.run, e."idempotencyKey")`;

/**
 * Sends an event inside a transaction of the caller's. Runs get it within half a second after that has committed.
 *
 * @param tx the handle of a transaction of pg, postgres.js, Drizzle, Kysely, Knex or Prisma
 * @param event an event, whose schema checks the payload; or its name
 * @throws MillraceError before anything is sent: `invalid_transaction`, `invalid_input`, `invalid_json`; from the database, and the
 *   transaction is aborted then: `invalid_event`, `run_not_found`, `run_finished`, `idempotency_key_reused`, `migrations_pending`; whatever else the
 *   library throws
 */
export async function emitIn<E extends AnyEvent>(
  tx: Transaction,
  event: E,
  payload: PayloadOf<E>,
  options?: EmitOptions,
): Promise<EmittedInTransaction>;
export async function emitIn(
  tx: Transaction,
  event: string,
  payload?: unknown,
  options?: EmitOptions,
): Promise<EmittedInTransaction>;
export async function emitIn(
  tx: Transaction,
  event: AnyEvent | string,
  payload: unknown = {},
  { run, idempotencyKey, project }: EmitOptions = {},
): Promise<EmittedInTransaction> {
  const ask = askerOf(tx);
  if (typeof event !== "string") await checkPayload(event, payload);
  const name = typeof event === "string" ? event : event.name;
  const rest = JSON.stringify({ name, run, idempotencyKey, project });
  const text = `${rest.slice(0, -1)},"payload":${toJsonText(payload, "payload")}}`;
  const answer = await ask(project === undefined ? EMIT : EMIT_INTO, text).catch(
    (error: unknown) => {
      throw refusal(error, name, run, idempotencyKey) ?? explained(error);
    },
  );
  const [id, created] = JSON.parse(answer) as [string, boolean];
  return { id, created };
}

/** In our own words: a library may have put the statement, and with it the payload, into the message of the database. */
function refusal(
  error: unknown,
  name: string,
  run: string | undefined,
  key: string | undefined,
): MillraceError | undefined {
  const code = raisedIn(error)?.code;
  if (code === undefined) return undefined;
  return new MillraceError(code, why(code, name, run, key), { cause: error });
}

function why(code: string, name: string, run = "", key = ""): string {
  if (code === "run_not_found") return `event ${name}: there is no run ${run}`;
  if (code === "run_finished")
    return `event ${name}: run ${run} has ended, or is about to, and takes no event any more`;
  if (code === "idempotency_key_reused") {
    return `event ${name}: the idempotency key ${JSON.stringify(key)} was used with another payload or run; use a new key for a new event`;
  }
  return `event: ${JSON.stringify(name.slice(0, 100))} is not a name: lower case, digits, and single . _ - : / between them`;
}
