import type { QueueFill } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { runsLink } from "../../parts/runs-link.ts";
import { queuePath } from "./queue-path.ts";

/** Which keys of the jobs that are put into a queue have as many running as they may, or nearly so. */
export function FullestKeys({ name }: { name: string }) {
  const { data } = useResource<QueueFill>(`${queuePath(name)}/fill`);
  if (!data || data.keys.length === 0) return null;
  return (
    <section class="section">
      <h2>Fullest keys</h2>
      <table class="stack">
        <thead>
          <tr>
            <th>Job</th>
            <th>Key</th>
            <th class="number-cell">Running</th>
            <th class="number-cell">Waiting</th>
          </tr>
        </thead>
        <tbody>
          {data.keys.map(({ job, key, running, limit, held }) => (
            <tr key={`${job} ${key}`}>
              <td class="whole">
                <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a>
              </td>
              <td data-label="Key">
                <code>{key}</code>
              </td>
              <td
                class={running >= limit ? "number-cell wrong" : "number-cell"}
                data-label="Running"
              >
                {running.toLocaleString("en")} / {limit.toLocaleString("en")}
                {running >= limit && " full"}
              </td>
              <td class="number-cell" data-label="Waiting">
                <a href={runsLink({ job, status: "queued" })}>{held.toLocaleString("en")}</a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** How much of the rate of a queue is left now: so many runs may start at once. */
export function TokensLeft({ name, burst }: { name: string; burst: number }) {
  const { data } = useResource<QueueFill>(`${queuePath(name)}/fill`);
  if (data?.tokens == null) return null;
  const left = Math.max(0, Math.floor(data.tokens));
  return (
    <span class={left === 0 ? "wrong" : "muted"}>
      {" "}
      ({left.toLocaleString("en")} of {burst.toLocaleString("en")} tokens left)
    </span>
  );
}
