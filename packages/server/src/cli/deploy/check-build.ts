import { JobList, OpenRuns } from "@millrace/core/api";
import type { Job } from "@millrace/sdk";
import { type ApiClient, segment } from "../api-client.ts";
import { type JobCheck, checkJob, goneJob } from "./check-job.ts";

export interface CheckOptions {
  /** How many open runs of each job and place to look at. */
  limit: number;
  /** For how long a replayed handler may take to come to what is next on record, in milliseconds; undefined for no replay. */
  patienceMs: number | undefined;
}

/** What a build would make of the open runs of all jobs that the server knows. */
export async function* checkBuild(
  api: ApiClient,
  build: readonly Job[],
  options: CheckOptions,
): AsyncGenerator<JobCheck> {
  const { jobs } = await api.get("jobs", JobList);
  for (const { name } of jobs) {
    const open = await api.get(`jobs/${segment(name)}/open-runs`, OpenRuns, {
      limit: options.limit,
    });
    const job = build.find((each) => each.name === name);
    if (job) yield await checkJob(api, job, open, options);
    else if (open.runs.length > 0) yield goneJob(name, open);
  }
}
