import type { JobInfo, PauseInfo, RunSummary, QueueInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { DISABLE, PausedNote } from "../../parts/pause.tsx";
import { Words } from "../../parts/words.tsx";

/** So many of those that wait are asked why. */
const ASKED = 200;

/** What keeps runs from starting: of the newest that wait, by why; and what is paused of the jobs that are put here. */
export function WhatHolds({ queue: { name, ready, held } }: { queue: QueueInfo }) {
  const queue = encodeURIComponent(name);
  const waits = ready + held > 0;
  const waiting = useResource<{ runs: RunSummary[] }>(
    waits ? `/api/v1/runs?queue=${queue}&state=queued&limit=${ASKED}` : undefined,
  );
  const jobs = useResource<{ jobs: JobInfo[] }>("/api/v1/jobs", { everyMs: 60_000 });
  const pauses = useResource<{ pauses: PauseInfo[] }>("/api/v1/pauses");
  const here = new Set(jobs.data?.jobs.flatMap((job) => (job.queue === name ? [job.name] : [])));
  const paused = pauses.data?.pauses.filter(({ job }) => job !== null && here.has(job)) ?? [];
  const runs = waits ? (waiting.data?.runs ?? []) : [];
  if (runs.length === 0 && paused.length === 0) return null;
  return (
    <section class="section">
      <h2>What holds runs back</h2>
      {paused.length > 0 && (
        <ul class="reasons">
          {paused.map((one) => (
            <li key={`${one.job} ${one.key}`}>
              <a href={`/jobs/${encodeURIComponent(one.job!)}`}>{one.job}</a>
              {one.key !== null && (
                <>
                  , key <code>{one.key}</code>
                </>
              )}{" "}
              {one.disabled ? (
                <PausedNote paused={one} stop={DISABLE} />
              ) : (
                <PausedNote paused={one} />
              )}
            </li>
          ))}
        </ul>
      )}
      {runs.length > 0 && (
        <>
          <p class="muted">
            {runs.length < ASKED
              ? `Of the ${runs.length} that wait:`
              : `Of the newest ${ASKED} that wait:`}
          </p>
          <ol class="reasons">
            {byReason(runs).map(({ reason, count, run }) => (
              <li key={reason}>
                <a href={`/runs/${run}`} class="reason-count">
                  {count}
                </a>
                <span>
                  <Words text={reason} />
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

/** The most frequent reasons first, each with one run that has it. */
function byReason(runs: readonly RunSummary[]): { reason: string; count: number; run: string }[] {
  const found = new Map<string, { reason: string; count: number; run: string }>();
  for (const run of runs) {
    const reason = run.reason ?? "A free worker takes it next";
    const one = found.get(reason) ?? { reason, count: 0, run: run.id };
    found.set(reason, { ...one, count: one.count + 1 });
  }
  return [...found.values()].toSorted((a, b) => b.count - a.count).slice(0, 12);
}
