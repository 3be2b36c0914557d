import type { QueueInfo } from "@millrace/core/api";
import { useLiveTick } from "../../data/live.ts";
import { useResource } from "../../data/resource.ts";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Page } from "../../parts/page.tsx";
import { DRAIN, PausedNote } from "../../parts/pause.tsx";
import { runsLink } from "../../parts/runs-link.ts";
import { PauseOrResume } from "./queue-actions.tsx";
import { asOfNow, outlookOf, paceInWords } from "./queue-outlook.ts";
import "./queues.css";

/** All queues: how much waits in each, for how long, and what will become of it. */
export function QueuesScreen() {
  useLiveTick();
  const shown = useResource<{ queues: QueueInfo[] }>("/api/v1/queues");
  return (
    <Page
      title="Queues"
      actions={<CopyAs request={{ path: "/api/v1/queues" }} cli="millrace queues" />}
    >
      <Given shown={shown} what="queues">
        {({ queues }) => (queues.length === 0 ? <NoQueue /> : <QueueTable queues={queues} />)}
      </Given>
    </Page>
  );
}

function QueueTable({ queues }: { queues: readonly QueueInfo[] }) {
  const paced = queues.some(({ outlook }) => outlook);
  return (
    <table class="stack queues">
      <thead>
        <tr>
          <th>Queue</th>
          <th class="number-cell">Ready</th>
          <th class="number-cell">Held</th>
          <th class="number-cell">Running</th>
          <th class="number-cell">Scheduled</th>
          <th class="number-cell">Oldest</th>
          {paced && <th class="number-cell">In / out a min</th>}
          <th>Outlook</th>
          <th>
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {queues.map((queue) => (
          <QueueRow key={queue.name} queue={asOfNow(queue)} paced={paced} />
        ))}
      </tbody>
    </table>
  );
}

function QueueRow({ queue, paced }: { queue: QueueInfo; paced: boolean }) {
  const { name, ready, held, running, scheduled, oldestSeconds, paused, drained, outlook } = queue;
  const { words, bad } = outlookOf(queue);
  const loud = oldestSeconds !== null && oldestSeconds >= LONG_SECONDS;
  return (
    <tr>
      <td class="whole queue-name">
        <a href={`/queues/${encodeURIComponent(name)}`}>{name}</a>
      </td>
      <Count label="Ready" count={ready} to={runsLink({ queue: name, status: "queued" })} />
      <Count label="Held" count={held} to={`/queues/${encodeURIComponent(name)}`} />
      <td class="number-cell" data-label="Running">
        <a href={runsLink({ queue: name, status: "running" })}>
          {running.toLocaleString("en")}
          {queue.concurrency !== null && (
            <span class="muted"> / {queue.concurrency.toLocaleString("en")}</span>
          )}
        </a>
      </td>
      <Count
        label="Scheduled"
        count={scheduled}
        to={runsLink({ queue: name, status: "scheduled" })}
      />
      <td class={loud ? "number-cell loud" : "number-cell"} data-label="Oldest">
        {oldestSeconds === null ? (
          <span class="muted">–</span>
        ) : (
          lengthInWords(oldestSeconds * 1000)
        )}
      </td>
      {paced && (
        <td class="number-cell" data-label="In / out a min">
          {paceInWords(outlook?.inPerMinute ?? null)} / {paceInWords(outlook?.outPerMinute ?? null)}
        </td>
      )}
      <td class="whole" data-label="Outlook">
        {drained && (
          <div>
            <PausedNote paused={drained} stop={DRAIN} />
          </div>
        )}
        {paused ? (
          <PausedNote paused={paused} />
        ) : (
          <span class={bad ? "wrong" : "muted"}>{words}</span>
        )}
      </td>
      <td class="whole queue-act">
        <PauseOrResume queue={queue} />
      </td>
    </tr>
  );
}

/** Who waits so long should be seen. */
const LONG_SECONDS = 300;

function Count({ label, count, to }: { label: string; count: number; to: string }) {
  return (
    <td class="number-cell" data-label={label}>
      {count === 0 ? <span class="muted">0</span> : <a href={to}>{count.toLocaleString("en")}</a>}
    </td>
  );
}

function NoQueue() {
  return (
    <Empty title="No queue yet" command="millrace worker --jobs src/jobs">
      <p>
        A queue is there once a job is put into it, or code defines it: when a server starts beside
        that code.
      </p>
    </Empty>
  );
}
