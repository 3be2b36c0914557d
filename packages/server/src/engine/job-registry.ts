import { DEFAULT_PROJECT, MillraceError } from "@millrace/core";
import { checkInput, type InputSchema, type Job, type Queue, type Schedule } from "@millrace/sdk";
import { CODE } from "../security/caller.ts";
import { placeInWords } from "../runtime/place-in-words.ts";
import type { Database } from "../store/database.ts";
import { reopenLanes } from "../store/gate.ts";
import { ensureQueues, regate, registerJobs } from "../store/jobs.ts";
import { ownedByOthers, readProject } from "../store/projects.ts";
import { defineQueues } from "../store/queues.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import type { Queryable } from "../store/statement.ts";
import { declareFields, proveDeclared } from "./declare-fields.ts";
import { declareSubjects } from "./subjects/declare-subjects.ts";
import { asActor } from "./as-caller.ts";
import { changingRates } from "./change-rates.ts";
import { applyLimits } from "./limit-queue.ts";
import { defineSchedules } from "./schedule/define-schedules.ts";

/** Where jobs are registered, and with what. */
export interface Registering {
  /** To which they are to belong. Default `default`. */
  project?: string;
  /** Under which the subjects of runs are encrypted, where a job declares one. */
  keys?: SecretKeys | undefined;
  /** From which people are told where a job is defined. Default: they are told the file's name and its folder's alone. */
  folder?: string | undefined;
}

/** The jobs and queues whose code this process has loaded. */
export class JobRegistry {
  readonly #jobs = new Map<string, Job>();
  readonly #queues = new Map<string, Queue>();
  readonly #files: ReadonlyMap<string, string>;
  readonly #schedules = new Map<string, Schedule>();
  #project = DEFAULT_PROJECT;

  /**
   * @param files the file that each job was loaded from, by the job's name. A job that was made by the program itself has
   *   none, and can only run inline.
   * @param schedules besides those that jobs define themselves
   * @throws MillraceError `duplicate_job`, `duplicate_queue`, `duplicate_schedule`, `invalid_job`
   */
  constructor(
    jobs: readonly Job[],
    queues: readonly Queue[] = [],
    files: ReadonlyMap<string, string> = new Map(),
    schedules: readonly Schedule[] = [],
  ) {
    this.#files = files;
    for (const job of jobs) {
      const other = this.#jobs.get(job.name);
      if (other && other !== job) {
        throw new MillraceError(
          "duplicate_job",
          `two jobs are named ${job.name}; give one of them another name`,
        );
      }
      if (job.isolation !== "inline" && !files.has(job.name)) {
        throw new MillraceError(
          "invalid_job",
          `job ${job.name}: isolation ${JSON.stringify(job.isolation)} needs the file that the job is loaded from, and this program made it itself; export it from a file and load that with --jobs (or name the file in the third argument of JobRegistry), or leave isolation out`,
        );
      }
      this.#jobs.set(job.name, job);
    }
    for (const queue of queues) {
      const other = this.#queues.get(queue.name);
      if (other && other !== queue) {
        throw new MillraceError(
          "duplicate_queue",
          `two queues are named ${queue.name}; define it once`,
        );
      }
      this.#queues.set(queue.name, queue);
    }
    for (const schedule of [...jobs.flatMap((job) => job.schedules), ...schedules]) {
      const other = this.#schedules.get(schedule.name);
      if (other && other !== schedule) {
        throw new MillraceError(
          "duplicate_schedule",
          `two schedules are named ${schedule.name}, of jobs ${other.job} and ${schedule.job}; give one of them another name`,
        );
      }
      this.#schedules.set(schedule.name, schedule);
    }
  }

  get(name: string): Job | undefined {
    return this.#jobs.get(name);
  }

  /** The file that a job was loaded from, where there is one. */
  fileOf(name: string): string | undefined {
    return this.#files.get(name);
  }

  get names(): string[] {
    return [...this.#jobs.keys()].sort();
  }

  /** What a worker with these jobs can run, as a claim is told: the jobs, and `job@version` for each version of theirs. */
  runnable(names: readonly string[]): string[] {
    const versions = names.flatMap((name) => {
      const { version, finishes } = this.#jobs.get(name)!;
      return version === null ? [] : [version, ...finishes].map((each) => `${name}@${each}`);
    });
    return [...names, ...versions];
  }

  /** The versions of the jobs that have one, and the older ones whose runs each can finish. */
  get versions(): Record<string, { is: string; finishes: readonly string[] }> {
    const each = [...this.#jobs.values()].flatMap(({ name, version, finishes }) =>
      version === null ? [] : [[name, { is: version, finishes }] as const],
    );
    return Object.fromEntries(each);
  }

  /** The queues that the jobs name, and those that are defined. */
  get queues(): string[] {
    const named = [...this.#jobs.values()].map((job) => job.queue);
    return [...new Set([...named, ...this.#queues.keys()])].sort();
  }

  /**
   * Writes the jobs, their queues and their schedules to the database, so that every process and `millrace.enqueue` know
   * them. What waits already obeys from then on what has changed.
   *
   * @throws MillraceError `invalid_schedule` for a schedule whose input its job would not take; `project_not_found`; `name_taken` for what belongs to
   *   another project; `secret_key_missing`
   */
  async register(
    db: Database,
    { project = DEFAULT_PROJECT, keys, folder }: Registering = {},
  ): Promise<void> {
    for (const schedule of this.#schedules.values()) await this.#requireInput(schedule);
    await asActor(db, CODE, async (tx) => {
      await this.#requireProject(tx, project);
      await ensureQueues(tx, this.queues, project);
      const defined = [...this.#queues.keys()];
      await changingRates(tx, { jobs: this.names, queues: defined }, async () => {
        const changed = await this.#registerJobs(tx, project, folder);
        await regate(tx, this.names);
        await reopenLanes(tx, changed, []);
        await applyLimits(tx, await defineQueues(tx, queueRows([...this.#queues.values()])));
      });
      await declareSubjects(tx, [...this.#jobs.values()], keys);
      await declareFields(tx, [...this.#jobs.values()]);
      await defineSchedules(tx, this.names, [...this.#schedules.values()]);
      // Once more: of two that register the same new name at the same time, the second has waited for the first, and sees it now.
      await this.#requireOwn(tx, project);
    });
    this.#project = project;
    if ([...this.#jobs.values()].some(({ searchable }) => searchable.length > 0)) {
      await proveDeclared(db);
    }
  }

  /** In which it was registered. */
  get project(): string {
    return this.#project;
  }

  async #requireProject(tx: Queryable, project: string): Promise<void> {
    const [found] = await readProject(tx, project);
    if (!found) {
      throw new MillraceError(
        "project_not_found",
        `there is no project ${project}, in which jobs are to be registered; make it (millrace projects add ${project}), or set MILLRACE_PROJECT to another`,
      );
    }
    await this.#requireOwn(tx, project);
  }

  async #requireOwn(tx: Queryable, project: string): Promise<void> {
    const others = await ownedByOthers(tx, project, this.names, this.queues, [
      ...this.#schedules.keys(),
    ]);
    if (others.length === 0) return;
    const what = others.map((other) => `${other.what} to ${other.project}`).join(", ");
    throw new MillraceError(
      "name_taken",
      `these belong to other projects than ${project}: ${what}. Names are of the whole installation: choose others, set MILLRACE_PROJECT, or move them (millrace projects move)`,
    );
  }

  async #requireInput({ name, job: jobName, input }: Schedule): Promise<void> {
    const job = this.#jobs.get(jobName);
    if (!job) {
      throw new MillraceError(
        "invalid_schedule",
        `schedule ${name}: its job ${jobName} is not among those that are loaded; export the job, too`,
      );
    }
    try {
      await checkInput(job, input);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new MillraceError("invalid_schedule", `schedule ${name}: ${error.message}`);
    }
  }

  /** @returns the names of those that are new, or have changed */
  async #registerJobs(
    tx: Queryable,
    project: string,
    folder: string | undefined,
  ): Promise<string[]> {
    const jobs = [...this.#jobs.values()];
    const rows = await registerJobs(
      tx,
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
          version: job.version,
          steps: job.steps,
          fingerprint: job.fingerprint,
          graph: job.graph,
          defined_in: job.definedIn && placeInWords(job.definedIn.file, job.definedIn.line, folder),
          secrets: job.secrets,
          searchable: job.searchable.length === 0 ? null : job.searchable,
        })),
      ),
      project,
    );
    return rows.map(({ name }) => name);
  }
}

function queueRows(queues: readonly Queue[]): string {
  return JSON.stringify(
    queues.map(({ name, concurrency, rate, maxDepth }) => ({
      name,
      concurrency: concurrency ?? undefined,
      rate: rate ?? undefined,
      maxDepth: maxDepth ?? undefined,
    })),
  );
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
