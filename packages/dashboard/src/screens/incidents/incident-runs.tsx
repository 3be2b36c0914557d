import type { IncidentRun, IncidentSnapshot } from "@millrace/core/api";
import { StateBadge } from "../../parts/state-badge.tsx";
import { At, Took } from "../../parts/time.tsx";

/** The runs that somebody chose, or that were found, as they were. */
export function IncidentRuns({ snapshot: { runs, ticked } }: { snapshot: IncidentSnapshot }) {
  if (runs.length === 0) return null;
  return (
    <section class="section">
      <h2>{ticked ? "Runs" : "Runs, the newest"}</h2>
      <table class="stack">
        <thead>
          <tr>
            <th>Job</th>
            <th>Status</th>
            <th>Why</th>
            <th class="number-cell">Try</th>
            <th>Accepted</th>
            <th>Took</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <td class="whole">
                <a href={`/runs/${run.id}`}>
                  {run.job} <code>{run.id.slice(-8)}</code>
                </a>
              </td>
              <td data-label="Status">
                <StateBadge state={run.state} />
              </td>
              <td class="whole">{whyOf(run)}</td>
              <td class="number-cell" data-label="Try">
                {run.attempt}
              </td>
              <td data-label="Accepted">
                <At at={run.createdAt} />
              </td>
              <td data-label="Took">
                {run.finishedAt ? <Took from={run.startedAt} until={run.finishedAt} /> : "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function whyOf({ errorClass, message, why }: IncidentRun): string {
  if (errorClass === null) return why ?? "–";
  return message === null ? errorClass : `${errorClass}: ${message}`;
}
