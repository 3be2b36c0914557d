import { MillraceError } from "@millrace/core";
import { DisableJob, JobInfo, JobList, JobTimes, PauseJob, ResumeJob } from "@millrace/core/api";
import { z } from "zod";
import { disableOne, enableOne } from "../../engine/close.ts";
import { readJobTimes } from "../../engine/history/job-times.ts";
import { pauseJobOrKey, resumeJobOrKey } from "../../engine/pause.ts";
import { listJobs, readJob } from "../../store/jobs.ts";
import type { Queryable } from "../../store/statement.ts";
import { pauseEnd } from "../pause-end.ts";
import { instant } from "../present/instant.ts";
import { presentJob } from "../present/job.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export const JobByName = z.strictObject({ name: z.string().describe("The job's name") });

export function jobRoutes(app: Api, { db, lists, ring }: Context): void {
  app.get(
    "/api/v1/jobs",
    {
      schema: {
        tags: ["jobs"],
        operationId: "listJobs",
        permission: "read",
        scope: "own",
        summary: "List the jobs that servers have registered",
        querystring: NoQuery,
        response: { 200: JobList },
      },
    },
    async ({ caller }) => ({ jobs: (await listJobs(db, caller.projects)).map(presentJob) }),
  );

  app.get(
    "/api/v1/jobs/:name",
    {
      schema: {
        tags: ["jobs"],
        operationId: "getJob",
        permission: "read",
        scope: { job: "name" },
        summary: "Look at a job",
        params: JobByName,
        querystring: NoQuery,
        response: { 200: JobInfo },
        problems: ["not_found"],
      },
    },
    (request) => requireJob(db, request.params.name),
  );

  app.get(
    "/api/v1/jobs/:name/times",
    {
      schema: {
        tags: ["jobs"],
        operationId: "getJobTimes",
        permission: "read",
        scope: { job: "name" },
        summary: "See how the newest runs of a job ended, and how long they took",
        description:
          "Of the newest 1,000 that completed or failed, or of as many as are found within half a second; by version of its code.",
        params: JobByName,
        querystring: NoQuery,
        response: { 200: JobTimes },
        problems: ["not_found", "took_too_long"],
      },
    },
    async ({ params: { name }, caller }) => {
      await requireJob(db, name);
      const times = await lists.take(caller, () => readJobTimes(db, name));
      return { ...times, since: instant(times.since) };
    },
  );

  app.post(
    "/api/v1/jobs/:name/pause",
    {
      schema: {
        tags: ["jobs"],
        operationId: "pauseJob",
        permission: "operate",
        scope: { job: "name" },
        summary: "Pause a job, or a key of it",
        description:
          "No run of it is started any more, on any worker; those that run go on. Pausing again keeps the first instant.",
        params: JobByName,
        querystring: NoQuery,
        body: PauseJob.optional(),
        response: { 200: JobInfo },
        problems: ["not_found", "job_disabled"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { key = null, reason = null, ...end } = request.body ?? {};
      await requireJob(db, name);
      await pauseJobOrKey(db, request.caller, {
        job: name,
        key,
        reason,
        ...pauseEnd(end),
      });
      return requireJob(db, name);
    },
  );

  app.post(
    "/api/v1/jobs/:name/resume",
    {
      schema: {
        tags: ["jobs"],
        operationId: "resumeJob",
        permission: "operate",
        scope: { job: "name" },
        summary: "Resume a job, or a key of it",
        description:
          "Workers look for its runs at once. What is not paused stays as it is; resuming the job does not resume its keys.",
        params: JobByName,
        querystring: NoQuery,
        body: ResumeJob.optional(),
        response: { 200: JobInfo },
        problems: ["not_found", "job_disabled"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await requireJob(db, name);
      const queues = await resumeJobOrKey(db, request.caller, name, request.body?.key ?? null);
      for (const queue of queues) ring(queue);
      return requireJob(db, name);
    },
  );

  app.post(
    "/api/v1/jobs/:name/disable",
    {
      schema: {
        tags: ["jobs"],
        operationId: "disableJob",
        permission: "operate",
        scope: { job: "name" },
        summary: "Disable a job",
        description:
          "Nothing starts it: who asks for a run of it is answered 409 job_disabled, a webhook 503 with Retry-After, a schedule skips, on record; and what waits stays as it is. Those that run go on. Children of runs that are under way are taken, and wait. A pause of the whole job becomes that. Disabling again keeps the first instant.",
        params: JobByName,
        querystring: NoQuery,
        body: DisableJob.optional(),
        response: { 200: JobInfo },
        problems: ["not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { reason = null, ...end } = request.body ?? {};
      await requireJob(db, name);
      await disableOne(db, request.caller, name, { reason, ...pauseEnd(end) });
      return requireJob(db, name);
    },
  );

  app.post(
    "/api/v1/jobs/:name/enable",
    {
      schema: {
        tags: ["jobs"],
        operationId: "enableJob",
        permission: "operate",
        scope: { job: "name" },
        summary: "Enable a job",
        description:
          "It is started again, and what of it has waited. A job that is not disabled stays as it is.",
        params: JobByName,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: JobInfo },
        problems: ["not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await requireJob(db, name);
      for (const queue of await enableOne(db, request.caller, name)) ring(queue);
      return requireJob(db, name);
    },
  );
}

async function requireJob(db: Queryable, name: string): Promise<JobInfo> {
  const [job] = await readJob(db, name);
  if (job) return presentJob(job);
  throw new MillraceError(
    "not_found",
    `no job named ${JSON.stringify(name)} is registered; GET /api/v1/jobs lists those that are`,
  );
}
