import { MillraceError } from "@millrace/core";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { type JobRow, readJob } from "../store/jobs.ts";
import type { Queryable } from "../store/statement.ts";

/** For so long a job that was looked up is taken as it was. */
const FRESH_MS = 5000;

/**
 * Checks inputs of jobs whose code only other processes have loaded, by the JSON Schema that these registered. A job
 * that has none is accepted unchecked: the worker checks every input again.
 */
export class RegisteredSchemas {
  readonly #db: Queryable;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
  readonly #known = new Map<string, Known>();

  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * @param db where to look the job up: who is in a transaction must not wait for another connection
   * @throws MillraceError `unknown_job`, `invalid_input`
   */
  async check(job: string, input: unknown, db: Queryable = this.#db): Promise<void> {
    const validate = await this.#validator(db, job);
    if (!validate || validate(input)) return;
    const [problem] = validate.errors ?? [];
    throw new MillraceError(
      "invalid_input",
      `input of ${job}: ${problem?.instancePath ? `${problem.instancePath}: ` : ""}${problem?.message ?? "does not match"}`,
      { pointer: problem?.instancePath },
    );
  }

  async #validator(db: Queryable, job: string): Promise<ValidateFunction | null> {
    const known = this.#known.get(job);
    if (known && performance.now() - known.at < FRESH_MS) return known.validate;
    const [row] = await readJob(db, job);
    if (!row) throw unknownJob(job);
    const unchanged = known && known.registeredAt === row.registered_at.getTime();
    const validate = unchanged ? known.validate : this.#compile(row);
    this.#known.set(job, {
      at: performance.now(),
      registeredAt: row.registered_at.getTime(),
      validate,
    });
    return validate;
  }

  #compile(row: JobRow): ValidateFunction | null {
    return row.input_schema ? this.#ajv.compile(row.input_schema) : null;
  }
}

export function unknownJob(job: string): MillraceError {
  return new MillraceError(
    "unknown_job",
    `no job named ${JSON.stringify(job)} is registered; GET /api/v1/jobs lists those that are`,
  );
}

interface Known {
  at: number;
  registeredAt: number;
  validate: ValidateFunction | null;
}
