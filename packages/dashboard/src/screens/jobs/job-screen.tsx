import type { JobInfo, RunSummary, ScheduleInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Later } from "../../parts/later.tsx";
import { Page } from "../../parts/page.tsx";
import { PauseDialog, PausedNote, resume } from "../../parts/pause.tsx";
import { RunBars, tookMs } from "../../parts/run-bars.tsx";
import { runsLink } from "../../parts/runs-link.ts";
import { type Tab, Tabs } from "../../parts/tabs.tsx";
import { Ago } from "../../parts/time.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { flowInWords, retryInWords } from "./job-words.ts";
import { RunForm } from "./run-form.tsx";
import { shareByVersion, spread } from "./last-runs.ts";
import "./jobs.css";

/** One job: asked for by hand, and how it does. */
export function JobScreen({ params }: ScreenProps) {
  const name = params["name"]!;
  const path = `/api/v1/jobs/${encodeURIComponent(name)}`;
  const shown = useResource<JobInfo>(path);
  return (
    <Page
      title={`Job ${name}`}
      actions={
        <>
          {shown.data && !shown.old && <PauseJob job={shown.data} path={path} />}
          <a class="button" href={runsLink({ job: name })}>
            Its runs
          </a>
          <CopyAs
            request={{ path: "/api/v1/runs", method: "POST", body: { job: name, input: {} } }}
            cli={`millrace run ${name} '{}'\nmillrace jobs`}
            sdk={`await client.enqueue("${name}", {});`}
          />
        </>
      }
    >
      <Given shown={shown} what="job">
        {(job) => (
          <>
            {job.description && <p class="job-about">{job.description}</p>}
            {job.paused && (
              <p class="paused-note">
                <PausedNote paused={job.paused} />
              </p>
            )}
            <Tabs label="What there is of the job" tabs={tabsOf(job)} />
          </>
        )}
      </Given>
    </Page>
  );
}

const loadGraph = async () => (await import("../graph/job-graph.tsx")).JobGraph;

function tabsOf(job: JobInfo): Tab[] {
  const { inputSchema } = job;
  return [
    { id: "run", title: "Run it", content: () => <Overview job={job} /> },
    {
      id: "graph",
      title: "Graph",
      content: () => <Later load={loadGraph} what="graph" props={{ job }} />,
    },
    ...(inputSchema
      ? [
          {
            id: "schema",
            title: "Schema of its input",
            content: () => <JsonView value={inputSchema} what="Schema of its input" />,
          },
        ]
      : []),
  ];
}

function Overview({ job }: { job: JobInfo }) {
  return (
    <div class="job-halves">
      <RunForm key={job.name} job={job} />
      <div>
        <LastRuns job={job.name} />
        <Rules job={job} />
        <Schedules job={job.name} />
      </div>
    </div>
  );
}

function PauseJob({ job, path }: { job: JobInfo; path: string }) {
  const what = `job ${job.name}`;
  const changes = ["/api/v1/jobs", "/api/v1/pauses", "/api/v1/queues"];
  const open = place.value.query.get("do") === "pause" && !job.paused;
  useKeys({ P: () => go(withQuery({ do: "pause" }), "replace") });
  if (job.paused) {
    return (
      <ActionButton permission="operate" onPress={() => void resume(what, path, changes)}>
        Resume
      </ActionButton>
    );
  }
  return (
    <>
      <ActionButton permission="operate" onPress={() => go(withQuery({ do: "pause" }), "replace")}>
        Pause
      </ActionButton>
      {open && (
        <PauseDialog
          what={what}
          path={path}
          changes={changes}
          onClose={() => go(withQuery({ do: undefined }), "replace")}
        >
          <p>
            No run of it is started any more, on any worker. Those that are under way go on; new
            ones are taken, and wait. Its queue goes on with other jobs.
          </p>
        </PauseDialog>
      )}
    </>
  );
}

/** So many runs are looked at. */
const LOOKED = 50;

function LastRuns({ job }: { job: string }) {
  const { data } = useResource<{ runs: RunSummary[] }>(
    `/api/v1/runs?job=${encodeURIComponent(job)}&limit=${LOOKED}`,
  );
  const runs = data?.runs ?? [];
  const times = spread(runs.flatMap((run) => (run.state === "completed" ? [tookMs(run)] : [])));
  return (
    <section class="section">
      <h2>Last {LOOKED} runs</h2>
      {data && <RunBars job={job} runs={runs} />}
      {times && (
        <p>
          Took {lengthInWords(times.p50)} <span class="muted">(median)</span>,{" "}
          {lengthInWords(times.p95)} <span class="muted">(95 of 100)</span>,{" "}
          {lengthInWords(times.p99)} <span class="muted">(99 of 100)</span>, of those that
          completed.
        </p>
      )}
      <ul class="plain">
        {shareByVersion(runs).map(({ version, ended, completed }) => (
          <li key={version}>
            {version === null ? "Completed" : <code>{version}</code>}{" "}
            <span class={completed < ended ? "wrong" : "muted"}>
              {Math.floor((completed / ended) * 100)} % of {ended}
              {version !== null && " completed"}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rules({ job }: { job: JobInfo }) {
  const { queue, priority, timeoutMs, retentionMs, version, steps, searchable, flow } = job;
  return (
    <section class="section">
      <h2>How it runs</h2>
      <ul class="plain">
        <li>
          In queue <a href={`/queues/${encodeURIComponent(queue)}`}>{queue}</a>
          {priority !== 0 && `, with priority ${priority}`}.
        </li>
        <li>{retryInWords(job)}</li>
        <li>An attempt that takes longer than {lengthInWords(timeoutMs)} has failed.</li>
        {flowInWords(flow).map((words) => (
          <li key={words}>{words}</li>
        ))}
        {retentionMs !== null && (
          <li>
            Its runs are kept{" "}
            {retentionMs === "forever"
              ? "for ever"
              : `for ${lengthInWords(retentionMs)} after they ended`}
            .
          </li>
        )}
        {searchable.length > 0 && (
          <li>Its runs are found at once by {searchable.join(", ")} of the input.</li>
        )}
        {steps.length > 0 && <li>Steps: {steps.join(", ")}.</li>}
        <li class="muted">
          {version !== null && (
            <>
              Version <code>{version}</code>, registered{" "}
            </>
          )}
          {version === null && "Registered "}
          <Ago at={job.registeredAt} />
          {job.project !== "default" && `, in project ${job.project}`}.
        </li>
      </ul>
    </section>
  );
}

function Schedules({ job }: { job: string }) {
  const { data } = useResource<{ schedules: ScheduleInfo[] }>(
    `/api/v1/schedules?job=${encodeURIComponent(job)}`,
    { everyMs: 30_000 },
  );
  if (!data?.schedules.length) return null;
  return (
    <section class="section">
      <h2>Schedules</h2>
      <ul class="plain">
        {data.schedules.map(({ name, nextAt, paused }) => (
          <li key={name}>
            <a href={`/schedules/${encodeURIComponent(name)}`}>{name}</a>{" "}
            <span class="muted">
              {paused ? (
                "paused"
              ) : nextAt ? (
                <>
                  next <Ago at={nextAt} />
                </>
              ) : (
                "does not fire any more"
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
