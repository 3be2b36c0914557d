import type { JobInfo, RunSummary } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { useResource } from "../../data/resource.ts";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { DISABLE, PausedNote } from "../../parts/pause.tsx";
import { RunBars } from "../../parts/run-bars.tsx";
import { WhenSeen } from "../../parts/when-seen.tsx";
import "./jobs.css";

/** All jobs that servers have registered, and how their last runs ended. */
export function JobsScreen() {
  const shown = useResource<{ jobs: JobInfo[] }>("/api/v1/jobs");
  return (
    <Page title="Jobs" actions={<CopyAs request={{ path: "/api/v1/jobs" }} cli="millrace jobs" />}>
      <Given shown={shown} what="jobs">
        {({ jobs }) => (jobs.length === 0 ? <NoJob /> : <JobTable jobs={jobs} />)}
      </Given>
    </Page>
  );
}

/** From so many on, one looks for a name. */
const MANY = 12;

function JobTable({ jobs }: { jobs: readonly JobInfo[] }) {
  const [looked, setLooked] = useState("");
  const text = looked.trim().toLowerCase();
  const found = jobs.filter(({ name, description, queue }) =>
    `${name}\n${description}\n${queue}`.toLowerCase().includes(text),
  );
  return (
    <>
      {jobs.length >= MANY && (
        <input
          type="search"
          class="find-job"
          placeholder={`Find among ${jobs.length} jobs`}
          aria-label="Find a job by name, description or queue"
          value={looked}
          onInput={(event) => setLooked(event.currentTarget.value)}
        />
      )}
      {found.length === 0 && <p class="muted">No job has “{looked}” in its name, text or queue.</p>}
      {found.length > 0 && (
        <table class="stack jobs">
          <thead>
            <tr>
              <th>Job</th>
              <th>Queue</th>
              <th>Tries</th>
              <th>Last runs</th>
            </tr>
          </thead>
          <tbody>
            {found.map((job) => (
              <JobRow key={job.name} job={job} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function JobRow({ job }: { job: JobInfo }) {
  const { name, description, queue, retry, paused, disabled, pausedKeys } = job;
  return (
    <tr>
      <td class="whole">
        <a class="job-name" href={`/jobs/${encodeURIComponent(name)}`}>
          {name}
        </a>
        {description && <div class="muted">{description}</div>}
        {paused && (
          <div>
            <PausedNote paused={paused} />
          </div>
        )}
        {disabled && (
          <div>
            <PausedNote paused={disabled} stop={DISABLE} />
          </div>
        )}
        {pausedKeys > 0 && <div class="state-retrying">{pausedKeys} of its keys are paused</div>}
      </td>
      <td data-label="Queue">
        <a href={`/queues/${encodeURIComponent(queue)}`}>{queue}</a>
      </td>
      <td data-label="Tries">{retry.maxAttempts}</td>
      <td class="whole" data-label="Last runs">
        <WhenSeen>{() => <LastRuns job={name} />}</WhenSeen>
      </td>
    </tr>
  );
}

function LastRuns({ job }: { job: string }) {
  const { data } = useResource<{ runs: RunSummary[] }>(
    `/api/v1/runs?job=${encodeURIComponent(job)}&limit=20`,
    { everyMs: 30_000 },
  );
  return data ? <RunBars job={job} runs={data.runs} /> : null;
}

function NoJob() {
  return (
    <Empty title="No job is registered" command="millrace start --jobs src/jobs">
      <p>Jobs are code: a server that starts beside it registers them. From its directory:</p>
    </Empty>
  );
}
