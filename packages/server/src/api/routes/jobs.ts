import { MillraceError } from "@millrace/core";
import { JobInfo, JobList } from "@millrace/core/api";
import { z } from "zod";
import { type JobRow, listJobs, readJob } from "../../store/jobs.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export function jobRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/jobs",
    {
      schema: {
        tags: ["jobs"],
        operationId: "listJobs",
        summary: "List the jobs that servers have registered",
        querystring: NoQuery,
        response: { 200: JobList },
      },
    },
    async () => ({ jobs: (await listJobs(db)).map(presentJob) }),
  );

  app.get(
    "/api/v1/jobs/:name",
    {
      schema: {
        tags: ["jobs"],
        operationId: "getJob",
        summary: "Look at a job",
        params: z.strictObject({ name: z.string() }),
        querystring: NoQuery,
        response: { 200: JobInfo },
        problems: ["not_found"],
      },
    },
    async (request) => {
      const [job] = await readJob(db, request.params.name);
      if (job) return presentJob(job);
      throw new MillraceError(
        "not_found",
        `no job named ${JSON.stringify(request.params.name)} is registered; GET /api/v1/jobs lists those that are`,
      );
    },
  );
}

const NEWER = { maxElapsedMs: null, budget: null, rules: 0 };

function presentJob(job: JobRow): JobInfo {
  return {
    name: job.name,
    description: job.description,
    queue: job.queue,
    priority: job.priority,
    timeoutMs: job.timeout_ms,
    // What an older version registered has less in it.
    retry: { ...NEWER, ...job.retry },
    retentionMs: job.retention_ms === Infinity ? "forever" : job.retention_ms,
    // Read from jsonb, so it is JSON.
    inputSchema: job.input_schema as JobInfo["inputSchema"],
    registeredAt: instant(job.registered_at),
  };
}
