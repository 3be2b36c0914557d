import { readExactJson } from "@millrace/core";
import pg from "pg";

const { INT8, JSON: JSON_TYPE, JSONB } = pg.types.builtins;

/** How columns are read: bigint columns are counters here, and stay below 2^53. */
export const COLUMN_TYPES = new pg.TypeOverrides();
COLUMN_TYPES.setTypeParser(INT8, Number);

/** The same, with numbers in JSON that no double holds as `ExactNumber`s. */
export const EXACT_COLUMN_TYPES = new pg.TypeOverrides();
EXACT_COLUMN_TYPES.setTypeParser(INT8, Number);
for (const type of [JSON_TYPE, JSONB]) EXACT_COLUMN_TYPES.setTypeParser(type, readExactJson);
