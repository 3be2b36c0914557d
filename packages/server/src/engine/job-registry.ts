import { MillraceError } from "@millrace/core";
import type { InputSchema, Job } from "@millrace/sdk";
import type { Queryable } from "../store/statement.ts";
import { ensureQueues, regate, registerJobs } from "../store/jobs.ts";

/** The jobs whose code this process has loaded. */
export class JobRegistry {
  readonly #jobs = new Map<string, Job>();

  /** @throws MillraceError `duplicate_job` */
  constructor(jobs: readonly Job[]) {
    for (const job of jobs) {
      const other = this.#jobs.get(job.name);
      if (other && other !== job) {
        throw new MillraceError(
          "duplicate_job",
          `two jobs are named ${job.name}; give one of them another name`,
        );
      }
      this.#jobs.set(job.name, job);
    }
  }

  get(name: string): Job | undefined {
    return this.#jobs.get(name);
  }

  get names(): string[] {
    return [...this.#jobs.keys()].sort();
  }

  /** The queues that the jobs name. */
  get queues(): string[] {
    return [...new Set([...this.#jobs.values()].map((job) => job.queue))].sort();
  }

  /** Writes the jobs and their queues to the database, so that every process and `millrace.enqueue` know them. */
  async register(db: Queryable): Promise<void> {
    const jobs = [...this.#jobs.values()];
    await ensureQueues(
      db,
      jobs.map((job) => job.queue),
    );
    await registerJobs(
      db,
      JSON.stringify(
        jobs.map((job) => ({
          name: job.name,
          description: job.description,
          queue: job.queue,
          priority: job.priority,
          timeout_ms: job.timeoutMs,
          retry: job.retry,
          flow: job.flow,
          // JSON knows no infinity; PostgreSQL reads it from this text.
          retention_ms: job.retentionMs === Infinity ? "Infinity" : job.retentionMs,
          input_schema: jsonSchemaOf(job.schema),
        })),
      ),
    );
    await regate(db, this.names);
  }
}

/**
 * JSON Schema of a job's input, where its schema library offers one by the Standard JSON Schema extension
 * (https://standardschema.dev/json-schema; zod 4 does), else null.
 */
function jsonSchemaOf(schema: InputSchema | undefined): unknown {
  if (!schema) return { type: "object", additionalProperties: false };
  const standard = schema["~standard"] as unknown as {
    jsonSchema?: { input(options: { target: string }): unknown };
  };
  try {
    return standard.jsonSchema?.input({ target: "draft-2020-12" }) ?? null;
  } catch {
    // A schema with a transform or a custom type has no JSON Schema; the worker checks it all the same.
    return null;
  }
}
