import { MillraceError, type Projects } from "@millrace/core";
import { Batcher } from "../runtime/batcher.ts";
import { projectsOfJobs, projectsOfQueues } from "../store/scope.ts";
import type { Queryable } from "../store/statement.ts";
import { unknownJob } from "./registered-schemas.ts";

/** A run that is asked for, perhaps by somebody who is confined to projects. */
export interface Asked {
  job: string;
  queue?: string | undefined;
  projects?: Projects;
}

const MAX_BATCH = 500;

/** While one look is under way, another may be. */
const LANES = 2;

/**
 * Holds who is confined to projects to jobs and queues of theirs: those of others are as if they were not there. It looks each time, for a job may
 * come to another project; requests that come at the same time share a look.
 */
export class OwnJobs {
  readonly #db: Queryable;
  readonly #looks: Batcher<Asked, MillraceError | undefined>;

  constructor(db: Queryable) {
    this.#db = db;
    this.#looks = new Batcher((asked) => troublesOf(this.#db, asked), MAX_BATCH, LANES);
  }

  /**
   * @param db of who is in a transaction
   * @throws MillraceError `unknown_job`, `queue_not_found`, before anything else is looked at
   */
  async require(asked: Asked, db?: Queryable): Promise<void> {
    const trouble = db ? (await troublesOf(db, [asked]))[0] : await this.#looks.add(asked);
    if (trouble) throw trouble;
  }

  /** What is wrong with each; it costs nothing when nobody is confined. @param db as of {@link require} */
  async troublesOf(
    asked: readonly Asked[],
    db: Queryable = this.#db,
  ): Promise<readonly (MillraceError | undefined)[]> {
    return asked.some(({ projects }) => projects) ? troublesOf(db, asked) : [];
  }
}

async function troublesOf(
  db: Queryable,
  asked: readonly Asked[],
): Promise<(MillraceError | undefined)[]> {
  const jobs = unique(asked.map(({ job }) => job));
  const queues = unique(asked.flatMap(({ queue }) => queue ?? []));
  const ofJobs = new Map(
    (await projectsOfJobs(db, jobs, null)).map(({ name, project }) => [name, project]),
  );
  const found = queues.length > 0 ? await projectsOfQueues(db, queues) : [];
  const ofQueues = new Map(found.map(({ name, project }) => [name, project]));
  return asked.map(({ job, queue, projects }) => {
    if (!projects) return undefined;
    const project = ofJobs.get(job);
    if (project === undefined || !projects.includes(project)) return unknownJob(job);
    if (queue === undefined) return undefined;
    // A queue of another of the caller's projects is no place for it either: workers of its own do not look there.
    const place = ofQueues.get(queue);
    return place === null || place === project ? undefined : noQueue(job, queue);
  });
}

function noQueue(job: string, queue: string): MillraceError {
  return new MillraceError(
    "queue_not_found",
    `no queue named ${JSON.stringify(queue)} is there for the job ${job}; name one of its project, or one that all share`,
  );
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
