import type { Run, RunSummary } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { isFinal } from "@millrace/core";
import { useEffect } from "preact/hooks";
import { isLive, useLiveRuns } from "../../data/live.ts";
import { refresh, useResource } from "../../data/resource.ts";
import { type Shown, shownState } from "../../design/states.ts";
import { Given } from "../../parts/conditions.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { Later } from "../../parts/later.tsx";
import { Page } from "../../parts/page.tsx";
import { StateBadge } from "../../parts/state-badge.tsx";
import { type Tab, Tabs } from "../../parts/tabs.tsx";
import { Ago, At, Took } from "../../parts/time.tsx";
import { Words } from "../../parts/words.tsx";
import { place, withQuery } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { shortId } from "../runs/short-id.ts";
import { GoneRun } from "./gone-run.tsx";
import { RunActions } from "./run-actions.tsx";
import { RunAttempts } from "./run-attempts.tsx";
import { askForLogEarly } from "./log-reader.ts";
import { RunLog } from "./run-log.tsx";
import { RunSteps } from "./run-steps.tsx";
import { type StepList, useSteps } from "./step-list.ts";
import { Waterfall } from "./waterfall.tsx";
import { WhyPanel } from "./why-panel.tsx";

/** One run: why it is as it is, what happened when, and what went in and came out. */
export function RunScreen({ params: { id = "" } }: ScreenProps) {
  const path = `/api/v1/runs/${encodeURIComponent(id)}`;
  const shown = useResource<Run>(path, { everyMs: isLive.value ? whileTold : byItself });
  const run = shown.data;
  useEffect(() => {
    const { query } = place.peek();
    // Where the run is known, its log has been asked for already.
    const isNext = run?.id !== id && (query.get("tab") ?? "logs") === "logs";
    return isNext ? askForLogEarly(id) : undefined;
  }, [id]);
  const steps = useSteps(run);
  useLiveRuns(run ? [run.id] : [], (runs) => {
    // With all that is asked about it, such as why it waits.
    if (run && runs.some((one) => one.id === run.id && isOtherwise(one, run))) refresh(path);
  });
  return (
    <Page title={run ? run.job : `Run ${shortId(id)}`} actions={run && <RunActions run={run} />}>
      {!run && shown.trouble?.code === "run_not_found" ? (
        <GoneRun id={id} trouble={shown.trouble} onRetry={shown.reload} />
      ) : (
        <Given shown={shown} what="run" rows={8}>
          {(data) => (
            <>
              <Facts run={data} />
              <WhyPanel run={data} />
              <Waterfall run={data} steps={steps} />
              <Tabs label="What there is of the run" tabs={tabsOf(data, steps)} />
            </>
          )}
        </Given>
      )}
    </Page>
  );
}

/**
 * How often it is asked how the run stands. The stream tells at once what becomes of it, but not which steps it has made, nor how far it says
 * that it is.
 */
function whileTold(run: Run | undefined): number {
  if (!run || isFinal(run.state)) return 30_000;
  return run.state === "running" ? 5000 : 15_000;
}

/** The same where there is no stream. */
function byItself(run: Run | undefined): number {
  return !run || isFinal(run.state) ? 30_000 : 3000;
}

/** Whether what the stream tells of a run is not what its page shows. */
function isOtherwise(told: RunSummary, shown: Run): boolean {
  return Object.entries(told).some(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(shown[name as keyof Run]),
  );
}

/** What comes at the instant that a run has before it, where that is not its first start. */
const DUE: Partial<Record<Shown, string>> = {
  retrying: "Next try",
  waiting: "Goes on, at the latest",
};

/** Attempts that ended for a wait count, and use up none of those that may fail. */
function tryInWords({ attempt, failures, maxAttempts, state }: Run): string {
  if (maxAttempts === null) return String(attempt);
  const failing = isFinal(state) ? failures : failures + 1;
  if (attempt === failing) return `${attempt} of ${maxAttempts}`;
  return `${attempt}, ${failures} of at most ${maxAttempts} failed`;
}

function Facts({ run }: { run: Run }) {
  const { id, attempt, queue, runAt, parent, children, progress } = run;
  return (
    <dl class="facts">
      <Fact name="Status">
        <StateBadge state={shownState(run)} />
      </Fact>
      <Fact name="Run">
        <code>{id}</code>
        <CopyButton text={id} what="run id" />
      </Fact>
      {attempt > 0 && <Fact name="Try">{tryInWords(run)}</Fact>}
      {runAt && !isFinal(run.state) && (
        <Fact name={DUE[shownState(run)] ?? "Due"}>
          <Ago at={runAt} />
        </Fact>
      )}
      <Fact name="Job">
        <a href={`/jobs/${encodeURIComponent(run.job)}`}>{run.job}</a>
      </Fact>
      <Fact name="Queue">
        <a href={`/queues/${encodeURIComponent(queue)}`}>{queue}</a>
      </Fact>
      <Fact name="Asked for">
        <Ago at={run.createdAt} />, by{" "}
        {run.schedule === null ? (
          run.trigger
        ) : (
          <a href={`/schedules/${encodeURIComponent(run.schedule)}`}>{run.schedule}</a>
        )}
      </Fact>
      {run.startedAt && (
        <Fact name="Took">
          <Took from={run.startedAt} until={run.finishedAt} />
        </Fact>
      )}
      {run.idempotencyKey && <Fact name="Key">{run.idempotencyKey}</Fact>}
      {run.correlationId && <Fact name="Correlation">{run.correlationId}</Fact>}
      {run.trace && (
        <Fact name="Trace">
          {run.trace.url === null ? (
            <>
              <code>{run.trace.id}</code>
              <CopyButton text={run.trace.id} what="trace id" />
            </>
          ) : (
            <a href={run.trace.url} rel="noreferrer">
              <code>{run.trace.id.slice(0, 8)}</code>
            </a>
          )}
        </Fact>
      )}
      {run.version && <Fact name="Version">{run.version}</Fact>}
      {run.worker !== null && <Fact name="Worker">{run.worker}</Fact>}
      {parent && (
        <Fact name="Parent">
          <a href={`/runs/${parent.run}`}>{shortId(parent.run)}</a>, step {parent.step}
        </Fact>
      )}
      {run.rerunOf && (
        <Fact name="Rerun of">
          <a href={`/runs/${run.rerunOf}`}>{shortId(run.rerunOf)}</a>
        </Fact>
      )}
      {children && (
        <Fact name="Children">
          <a href={withQuery({ tab: "graph" })}>
            {Object.entries(children)
              .filter(([, count]) => count > 0)
              .map(([state, count]) => `${count} ${state}`)
              .join(", ")}
          </a>
        </Fact>
      )}
      {progress && (
        <Fact name="Progress">
          {progress.done}
          {progress.total !== null && ` of ${progress.total}`} {progress.message}
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const loadGraph = async () => (await import("../graph/run-graph.tsx")).RunGraph;

function tabsOf(run: Run, steps: StepList): Tab[] {
  return [
    { id: "logs", title: "Logs", content: () => <RunLog id={run.id} state={run.state} /> },
    { id: "input", title: "Input", content: () => <JsonView value={run.input} what="input" /> },
    {
      id: "output",
      title: "Output",
      content: () =>
        run.output === null ? (
          <p class="muted">None{isFinal(run.state) ? "" : " yet"}.</p>
        ) : (
          <JsonView value={run.output} what="output" />
        ),
    },
    {
      id: "attempts",
      title: "Attempts",
      count: run.attempts.length,
      content: () => <RunAttempts run={run} />,
    },
    {
      id: "steps",
      title: "Steps",
      count: run.stepCount,
      content: () => <RunSteps steps={steps} />,
    },
    {
      id: "graph",
      title: "Graph",
      content: () => <Later load={loadGraph} what="graph" props={{ run }} />,
    },
    { id: "events", title: "Events", content: () => <Events run={run} /> },
    { id: "raw", title: "Raw", content: () => <JsonView value={run} what="run" /> },
  ];
}

function Events({ run: { timeline } }: { run: Run }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Who</th>
          <th scope="col">More</th>
        </tr>
      </thead>
      <tbody>
        {timeline.map(({ at, event, actor, detail }, index) => (
          <tr key={index}>
            <td>
              <At at={at} />
            </td>
            <td>{event}</td>
            <td>{actor ?? "–"}</td>
            <td class="muted">{detail && <Words text={JSON.stringify(detail)} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
