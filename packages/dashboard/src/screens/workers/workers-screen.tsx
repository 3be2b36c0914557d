import type { RunSummary, WorkerInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { act } from "../../data/act.ts";
import { Icon } from "../../design/icon.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { bytesInWords } from "../../parts/amount.ts";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords, now } from "../../parts/moment.ts";
import { Page } from "../../parts/page.tsx";
import { Ago, Took } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { StackDialog } from "./stack-dialog.tsx";
import { WorkerSlots, type Executed } from "./worker-slots.tsx";
import "./workers.css";

/** A worker, with what newer servers say besides. */
type Worker = WorkerInfo & { now?: readonly Executed[] };

/** Every process that executes runs: whether it lives, and what it does now. */
export function WorkersScreen() {
  const shown = useResource<{ workers: Worker[] }>("/api/v1/workers");
  const told = shown.data?.workers.some((worker) => worker.now);
  // Of a server that does not say what its workers execute, the list of what runs does.
  const running = useResource<{ runs: RunSummary[] }>(
    told === false ? "/api/v1/runs?state=running&limit=200" : undefined,
  );
  const runs = new Map(running.data?.runs.map((run) => [run.id, run]));
  return (
    <Page
      title="Workers"
      actions={
        <CopyAs
          request={{ path: "/api/v1/workers" }}
          cli={"millrace workers\nmillrace workers quiet 1\nmillrace workers stack 1"}
        />
      }
    >
      <Given shown={shown} what="workers">
        {({ workers }) =>
          workers.length === 0 ? <NoWorker /> : <WorkerLists workers={workers} runs={runs} />
        }
      </Given>
    </Page>
  );
}

interface Listed {
  workers: readonly Worker[];
  runs: ReadonlyMap<string, RunSummary>;
}

function WorkerLists({ workers, runs }: Listed) {
  const living = workers.filter(({ state }) => state === "active" || state === "draining");
  const ended = workers.filter((worker) => !living.includes(worker));
  const slots = living.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const busy = living.reduce((sum, { running }) => sum + running.length, 0);
  return (
    <>
      {living.length === 0 ? (
        <NoWorker />
      ) : (
        <p class="muted">
          {living.length} alive, {busy} of {slots} slots busy
        </p>
      )}
      {living.length > 0 && <WorkerTable workers={living} runs={runs} label="Alive" />}
      {ended.length > 0 && (
        <section class="section workers-ended">
          <h2>Ended within the last hour</h2>
          <WorkerTable workers={ended} runs={runs} label="Ended" />
        </section>
      )}
    </>
  );
}

function WorkerTable({ workers, runs, label }: Listed & { label: string }) {
  return (
    <table class="stack workers" aria-label={label}>
      <thead>
        <tr>
          <th>Worker</th>
          <th>State</th>
          <th>What it does now</th>
          <th>Takes from</th>
          <th>Version</th>
          <th>Heard from</th>
          <th>Memory</th>
          <th>Up</th>
          <th>
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {workers.map((worker) => (
          <WorkerRow key={worker.id} worker={worker} runs={runs} />
        ))}
      </tbody>
    </table>
  );
}

function WorkerRow({ worker, runs }: { worker: Worker; runs: Listed["runs"] }) {
  const { id, name, queues, jobs, version, startedAt, seenAt, endedAt } = worker;
  return (
    <tr id={`worker-${id}`}>
      <td class="whole worker-name">
        <strong>{name}</strong> <span class="muted">#{id}</span>
        {worker.project !== "default" && <div class="muted">project {worker.project}</div>}
      </td>
      <td data-label="State">
        <WorkerState worker={worker} />
      </td>
      <td class="whole" data-label="What it does now">
        <WorkerSlots concurrency={worker.concurrency} executed={executedBy(worker, runs)} />
        <Pace worker={worker} />
      </td>
      <td data-label="Takes from">
        {queues.map((queue, index) => (
          <span key={queue}>
            {index > 0 && ", "}
            <a href={`/queues/${encodeURIComponent(queue)}`}>{queue}</a>
          </span>
        ))}
        <div class="muted" title={jobs.join(", ")}>
          {jobs.length} {jobs.length === 1 ? "job" : "jobs"}
        </div>
      </td>
      <td data-label="Version">
        <code>{version}</code>
      </td>
      <td data-label={endedAt ? "Ended" : "Heard from"}>
        {endedAt ? <Ago at={endedAt} /> : <Heartbeat seenAt={seenAt} />}
      </td>
      <td data-label="Memory">
        {worker.memoryBytes === null ? (
          <span class="muted">–</span>
        ) : (
          bytesInWords(worker.memoryBytes)
        )}
        {worker.loopLagMs !== null && <Lag ms={worker.loopLagMs} />}
      </td>
      <td data-label="Up">
        <Took from={startedAt} until={endedAt} />
      </td>
      <td class="whole">
        {endedAt === null && (
          <div class="worker-acts">
            <QuietOrResume worker={worker} />
            <StackButton worker={worker} />
          </div>
        )}
      </td>
    </tr>
  );
}

/** What is not known but the id is shown by it. */
function executedBy({ now: told, running }: Worker, runs: Listed["runs"]): readonly Executed[] {
  return (
    told ??
    running.map((run) => {
      const known = runs.get(run);
      return {
        run,
        job: known?.job ?? null,
        attempt: known?.attempt ?? null,
        since: known?.startedAt ?? null,
      };
    })
  );
}

const STATES = {
  active: { token: "succeeded", shape: "completed", word: "Active" },
  draining: { token: "retrying", shape: "released", word: "Draining" },
  gone: { token: "cancelled", shape: "cancelled", word: "Gone" },
  lost: { token: "failed", shape: "lost", word: "Lost" },
} as const;

const MEANING = {
  active: "It takes runs",
  draining: "It takes no more runs, and ends when those that it has are done",
  gone: "It ended as it was told to",
  lost: "It was not heard from any more; its runs were given to others",
} as const;

function WorkerState({ worker: { state, quieted } }: { worker: Worker }) {
  const { token, shape, word } = STATES[state];
  return (
    <>
      <span class={`state state-${token}`} title={quieted ? QUIET : MEANING[state]}>
        <Icon name={shape} /> {quieted ? "Quiet" : word}
      </span>
      {quieted && (
        <div class="muted">
          by {quieted.by.replace(/^person:/, "")} <Ago at={quieted.at} />
        </div>
      )}
    </>
  );
}

const QUIET = "It was asked to take nothing new, and goes on with what it has";

/** Has it take nothing new, or take runs again: at its next heartbeat. */
function QuietOrResume({ worker: { id, name, state, quieted } }: { worker: Worker }) {
  const verb = quieted ? "resume" : "quiet";
  const press = async () => {
    const result = await act(`/api/v1/workers/${id}/${verb}`, {}, WORKER_CHANGES);
    if (!result.ok) toast(result.trouble.detail, "bad");
    else toast(quieted ? `${name} takes runs again` : `${name} takes nothing new`);
  };
  const stops = state === "draining" && !quieted ? "It is being stopped" : undefined;
  return (
    <ActionButton permission="operate" why={stops} onPress={() => void press()}>
      {quieted ? "Resume" : "Quiet"}
      <span class="unseen"> worker {name}</span>
    </ActionButton>
  );
}

function StackButton({ worker }: { worker: Worker }) {
  const { id } = worker;
  const open = place.value.query.get("stack") === String(id);
  return (
    <>
      <button type="button" onClick={() => go(withQuery({ stack: String(id) }), "replace")}>
        Stack…<span class="unseen"> of worker {worker.name}</span>
      </button>
      {open && (
        <StackDialog
          worker={worker}
          onClose={() => go(withQuery({ stack: undefined }), "replace")}
        />
      )}
    </>
  );
}

const WORKER_CHANGES = ["/api/v1/workers", "/api/v1/queues", "/api/v1/audit"];

/** Later than this, handlers keep each other waiting. */
const LATE_LOOP_MS = 100;

function Lag({ ms }: { ms: number }) {
  return (
    <div class={ms > LATE_LOOP_MS ? "wrong" : "muted"} title="At the 99th percentile">
      loop {lengthInWords(ms)} late
    </div>
  );
}

/** Later than this, it is odd that nothing was heard. */
const LATE_MS = 15_000;

function Heartbeat({ seenAt }: { seenAt: string }) {
  const late = now.value - Date.parse(seenAt) > LATE_MS;
  return (
    <span class={late ? "wrong" : undefined}>
      <Ago at={seenAt} />
    </span>
  );
}

function Pace({ worker: { attemptsPerMinute, failuresPerMinute } }: { worker: Worker }) {
  if (attemptsPerMinute === null) return null;
  const failing = Math.round((failuresPerMinute ?? 0) * 10) / 10;
  return (
    <div class="muted">
      {Math.round(attemptsPerMinute * 10) / 10} attempts a minute
      {failing > 0 && <span class="wrong">, {failing} fail</span>}
    </div>
  );
}

function NoWorker() {
  return (
    <Empty title="No worker is alive" command="millrace worker --jobs src/jobs">
      <p>
        Runs are taken in, and wait. One that is started beside the code of your jobs takes them:
      </p>
    </Empty>
  );
}
