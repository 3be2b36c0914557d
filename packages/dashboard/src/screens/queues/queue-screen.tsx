import type { JobInfo, WorkerInfo, QueueInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { useLiveTick } from "../../data/live.ts";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Page } from "../../parts/page.tsx";
import { DRAIN, PausedNote } from "../../parts/pause.tsx";
import { rateInWords } from "../../parts/rate-in-words.ts";
import { runsLink } from "../../parts/runs-link.ts";
import { Ago } from "../../parts/time.tsx";
import { go, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { FullestKeys, TokensLeft } from "./fullest-keys.tsx";
import { DrainOrReopen, LimitsButton, PauseOrResume } from "./queue-actions.tsx";
import { asOfNow, outlookOf, paceInWords } from "./queue-outlook.ts";
import { queuePath } from "./queue-path.ts";
import { WhatHolds } from "./what-holds.tsx";
import "./queues.css";

/** One queue: what waits, why, and who takes it. */
export function QueueScreen({ params }: ScreenProps) {
  const name = params["name"]!;
  useLiveTick();
  useKeys({ P: () => go(withQuery({ do: "pause", queue: name }), "replace") });
  const shown = useResource<QueueInfo>(queuePath(name));
  return (
    <Page
      title={`Queue ${name}`}
      actions={
        <>
          {shown.data && !shown.old && (
            <>
              <PauseOrResume queue={shown.data} />
              <DrainOrReopen queue={shown.data} />
              <LimitsButton queue={shown.data} />
            </>
          )}
          <CopyAs
            request={{ path: queuePath(name) }}
            cli={`millrace queues\nmillrace queues pause ${name}\nmillrace queues resume ${name}\nmillrace queues drain ${name}\nmillrace queues reopen ${name}`}
          />
        </>
      }
    >
      <Given shown={shown} what="queue">
        {(queue) => (
          <>
            <State queue={asOfNow(queue)} />
            <Counts queue={asOfNow(queue)} />
            <Facts queue={queue} />
            <WhatHolds queue={queue} />
            <FullestKeys name={queue.name} />
            <Taking name={queue.name} />
          </>
        )}
      </Given>
    </Page>
  );
}

function State({ queue }: { queue: QueueInfo }) {
  const { words, bad } = outlookOf(queue);
  const { paused, drained } = queue;
  return (
    <section class={bad ? "why bad" : "why"}>
      <h2>Outlook</h2>
      {drained && (
        <p>
          <PausedNote paused={drained} stop={DRAIN} />
        </p>
      )}
      <p>{paused ? <PausedNote paused={paused} /> : words}</p>
    </section>
  );
}

function Counts({ queue }: { queue: QueueInfo }) {
  const { name, ready, held, running, concurrency, scheduled, oldestSeconds } = queue;
  return (
    <ul class="numbers" aria-label="Now">
      <Figure
        name={held > 0 ? `ready, and ${held.toLocaleString("en")} held back` : "ready"}
        to={runsLink({ queue: name, status: "queued" })}
      >
        {ready.toLocaleString("en")}
      </Figure>
      <Figure
        name={concurrency === null ? "running" : `running, of ${concurrency} at most`}
        to={runsLink({ queue: name, status: "running" })}
      >
        {running.toLocaleString("en")}
      </Figure>
      <Figure name="scheduled" to={runsLink({ queue: name, status: "scheduled" })}>
        {scheduled.toLocaleString("en")}
      </Figure>
      <Figure name="oldest wait" to={runsLink({ queue: name, status: "queued" })}>
        {oldestSeconds === null ? "–" : lengthInWords(oldestSeconds * 1000)}
      </Figure>
    </ul>
  );
}

function Figure({ name, to, children }: { name: string; to: string; children: ComponentChildren }) {
  return (
    <li>
      <a href={to}>
        <span class="number">{children}</span>
        <span class="muted">{name}</span>
      </a>
    </li>
  );
}

function Facts({ queue }: { queue: QueueInfo }) {
  const { concurrency, rate, maxDepth, limitedBy, defined, outlook, slots, waiting } = queue;
  const none = <span class="muted">no limit</span>;
  return (
    <dl class="facts">
      {outlook && (
        <div>
          <dt>In / out a minute</dt>
          <dd>
            {paceInWords(outlook.inPerMinute)} / {paceInWords(outlook.outPerMinute)}
          </dd>
        </div>
      )}
      <div>
        <dt>Workers</dt>
        <dd>
          {queue.workers}
          {slots > 0 && ` with ${slots} slots`}
        </dd>
      </div>
      <div>
        <dt>Run at the same time</dt>
        <dd>{concurrency === null ? none : `${concurrency.toLocaleString("en")} at most`}</dd>
      </div>
      <div>
        <dt>Start</dt>
        <dd>
          {rate === null ? none : rateInWords(rate)}
          {rate !== null && <TokensLeft name={queue.name} burst={rate.burst} />}
        </dd>
      </div>
      <div>
        <dt>May wait</dt>
        <dd>{maxDepth === null ? none : `${maxDepth.toLocaleString("en")} at most`}</dd>
      </div>
      <div>
        <dt>Limits are those of</dt>
        <dd>{limitedBy?.replace(/^person:/, "") ?? (defined ? "the code" : "nobody")}</dd>
      </div>
      {waiting > 0 && (
        <div>
          <dt>Asleep or waiting in a step</dt>
          <dd>
            <a href={runsLink({ queue: queue.name, status: "waiting" })}>
              {waiting.toLocaleString("en")}
            </a>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** The workers that take from it, and the jobs whose runs are put here. */
function Taking({ name }: { name: string }) {
  const workers = useResource<{ workers: WorkerInfo[] }>("/api/v1/workers");
  const jobs = useResource<{ jobs: JobInfo[] }>("/api/v1/jobs", { everyMs: 60_000 });
  const living = workers.data?.workers.filter(
    ({ state, queues }) => (state === "active" || state === "draining") && queues.includes(name),
  );
  const here = jobs.data?.jobs.filter(({ queue }) => queue === name);
  return (
    <div class="halves">
      <section class="section">
        <h2>Workers that take from it</h2>
        {living?.length === 0 && (
          <p class="wrong">
            None. Start one: <code>millrace worker --queues {name}</code>
          </p>
        )}
        <ul class="plain">
          {living?.map(({ id, name: worker, running, concurrency, seenAt }) => (
            <li key={id}>
              <a href={`/workers#worker-${id}`}>{worker}</a>{" "}
              <span class="muted">
                {running.length} of {concurrency} slots, heard from <Ago at={seenAt} />
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section class="section">
        <h2>Jobs that are put here</h2>
        {here?.length === 0 && <p class="muted">None says so; a request may name any queue.</p>}
        <ul class="plain">
          {here?.map((job) => (
            <li key={job.name}>
              <a href={`/jobs/${encodeURIComponent(job.name)}`}>{job.name}</a>{" "}
              <span class="muted">{job.description}</span>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
