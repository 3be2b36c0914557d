import type pg from "pg";
import { EXACT_COLUMN_TYPES } from "./column-types.ts";

/** Whatever can run a statement: a pool, or a client inside a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

/** One static SQL statement as a function; it is prepared once per connection under its name. */
export interface Statement<Params extends readonly unknown[], Row> {
  (db: Queryable, ...params: Params): Promise<Row[]>;
  readonly title: string;
  readonly text: string;
}

/**
 * Binds static SQL text to the types of its parameters and rows. A test prepares every statement on a migrated database.
 *
 * @param title unique; PostgreSQL shows it in `pg_prepared_statements`
 */
export function statement<Params extends readonly unknown[], Row extends pg.QueryResultRow>(
  title: string,
  text: string,
): Statement<Params, Row> {
  return bound(title, text);
}

/**
 * The same for what is answered as it is stored: a number in JSON that no double holds is an `ExactNumber`, whatever the row's type says. Whoever
 * looks into such values minds that.
 */
export function exactStatement<Params extends readonly unknown[], Row extends pg.QueryResultRow>(
  title: string,
  text: string,
): Statement<Params, Row> {
  return bound(title, text, EXACT_COLUMN_TYPES);
}

function bound<Params extends readonly unknown[], Row extends pg.QueryResultRow>(
  title: string,
  text: string,
  types?: pg.CustomTypesConfig,
): Statement<Params, Row> {
  const run = async (db: Queryable, ...params: Params): Promise<Row[]> => {
    const result = await db.query<Row>({
      name: title,
      text,
      values: params as unknown as unknown[],
      ...(types && { types }),
    });
    return result.rows;
  };
  return Object.assign(run, { title, text });
}
