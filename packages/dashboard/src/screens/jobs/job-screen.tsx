import type { JobInfo, JobTimes, RunSummary, ScheduleInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Later } from "../../parts/later.tsx";
import { Page } from "../../parts/page.tsx";
import { DISABLE, PauseDialog, PausedNote, resume } from "../../parts/pause.tsx";
import { RunBars } from "../../parts/run-bars.tsx";
import { runsLink } from "../../parts/runs-link.ts";
import { type Tab, Tabs } from "../../parts/tabs.tsx";
import { Ago, At } from "../../parts/time.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { flowInWords, retryInWords } from "./job-words.ts";
import { RunForm } from "./run-form.tsx";
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
          {shown.data && !shown.old && (
            <>
              {!shown.data.disabled && <PauseJob job={shown.data} path={path} />}
              <DisableJob job={shown.data} path={path} />
            </>
          )}
          <a class="button" href={runsLink({ job: name })}>
            Its runs
          </a>
          <CopyAs
            request={{ path: "/api/v1/runs", method: "POST", body: { job: name, input: {} } }}
            cli={`millrace run ${name} '{}'\nmillrace jobs times ${name}`}
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
            {job.disabled && (
              <p class="paused-note">
                <PausedNote paused={job.disabled} stop={DISABLE} />
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
        <Times job={job.name} />
        <Rules job={job} />
        <Schedules job={job.name} />
      </div>
    </div>
  );
}

const CHANGES = ["/api/v1/jobs", "/api/v1/pauses", "/api/v1/queues"];

function PauseJob({ job, path }: { job: JobInfo; path: string }) {
  const what = `job ${job.name}`;
  const open = place.value.query.get("do") === "pause" && !job.paused;
  useKeys({ P: () => go(withQuery({ do: "pause" }), "replace") });
  if (job.paused) {
    return (
      <ActionButton permission="operate" onPress={() => void resume(what, path, CHANGES)}>
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
          changes={CHANGES}
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

function DisableJob({ job: { name, disabled }, path }: { job: JobInfo; path: string }) {
  const what = `job ${name}`;
  const open = place.value.query.get("do") === "disable" && !disabled;
  if (disabled) {
    return (
      <ActionButton permission="operate" onPress={() => void resume(what, path, CHANGES, DISABLE)}>
        Enable
      </ActionButton>
    );
  }
  return (
    <>
      <ActionButton
        permission="operate"
        onPress={() => go(withQuery({ do: "disable" }), "replace")}
      >
        Disable
      </ActionButton>
      {open && (
        <PauseDialog
          what={what}
          path={path}
          changes={CHANGES}
          stop={DISABLE}
          onClose={() => go(withQuery({ do: undefined }), "replace")}
        >
          <p>
            Nothing starts it. Who asks for a run of it is refused and told why; its schedules skip,
            on record; webhooks are told to come again later. Runs that wait stay as they are, and
            those that are under way go on. Its queue goes on with other jobs.
          </p>
        </PauseDialog>
      )}
    </>
  );
}

/** So many runs are drawn. */
const DRAWN = 50;

/** What so many runs tell hardly changes from one to the next. */
const TIMES_EVERY_MS = 60_000;

function LastRuns({ job }: { job: string }) {
  const { data } = useResource<{ runs: RunSummary[] }>(
    `/api/v1/runs?job=${encodeURIComponent(job)}&limit=${DRAWN}`,
  );
  const runs = data?.runs ?? [];
  return (
    <section class="section">
      <h2>Last {DRAWN} runs</h2>
      {data && <RunBars job={job} runs={runs} />}
    </section>
  );
}

function Times({ job }: { job: string }) {
  const shown = useResource<JobTimes>(`/api/v1/jobs/${encodeURIComponent(job)}/times`, {
    everyMs: TIMES_EVERY_MS,
  });
  return (
    <section class="section">
      <h2>How it does</h2>
      <Given shown={shown} what="how it does" rows={2}>
        {(times) => <TimesTable times={times} />}
      </Given>
    </section>
  );
}

function TimesTable({
  times: { ended, since, more, took, completed, versions },
}: {
  times: JobTimes;
}) {
  if (since === null) {
    const where = more ? " among the newest of all jobs" : "";
    return <p class="muted">No run was found{where} that completed or failed.</p>;
  }
  const several = versions.length > 1;
  return (
    <>
      <table class="stack">
        <thead>
          <tr>
            <th>Version</th>
            <th class="number-cell">Completed</th>
            <th class="number-cell" title="Half of those that completed took no longer">
              p50
            </th>
            <th class="number-cell" title="95 of 100 that completed took no longer">
              p95
            </th>
            <th class="number-cell" title="99 of 100 that completed took no longer">
              p99
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map((row) => (
            <TimesRow key={row.version} {...row} />
          ))}
          {several && (
            <TimesRow version="all" ended={ended} completed={completed} took={took} all />
          )}
        </tbody>
      </table>
      <p class="muted">
        Of the {ended === 1 ? "one run" : `${ended.toLocaleString("en")} runs`} that completed or
        failed
        {more ? " most recently" : ""}, accepted since <At at={since} />.
      </p>
    </>
  );
}

function TimesRow({
  version,
  ended,
  completed,
  took,
  all = false,
}: JobTimes["versions"][number] & { all?: boolean }) {
  const length = (ms: number | undefined) => (ms === undefined ? "–" : lengthInWords(ms));
  return (
    <tr>
      <td class="whole">
        {all ? (
          "All"
        ) : version === null ? (
          <span class="muted">not known</span>
        ) : (
          <code>{version}</code>
        )}
      </td>
      <td class="number-cell" data-label="Completed">
        <span class={completed < ended ? "wrong" : undefined}>
          {Math.floor((completed / ended) * 1000) / 10} %
        </span>{" "}
        <span class="muted">of {ended.toLocaleString("en")}</span>
      </td>
      <td class="number-cell" data-label="p50">
        {length(took?.p50Ms)}
      </td>
      <td class="number-cell" data-label="p95">
        {length(took?.p95Ms)}
      </td>
      <td class="number-cell" data-label="p99">
        {length(took?.p99Ms)}
      </td>
    </tr>
  );
}

function Rules({ job }: { job: JobInfo }) {
  const { queue, priority, timeoutMs, retentionMs, version, steps, searchable, flow, definedIn } =
    job;
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
        {definedIn !== null && (
          <li>
            Defined in <code>{definedIn}</code>
            <CopyButton text={definedIn} what="file and line" />
          </li>
        )}
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
