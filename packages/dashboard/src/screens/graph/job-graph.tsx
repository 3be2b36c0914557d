import type { JobInfo } from "@millrace/core/api";
import { GraphView } from "./graph-view.tsx";

/** The flow of a job, as it is registered. */
export function JobGraph({ job: { name, graph } }: { job: JobInfo }) {
  if (!graph) {
    return (
      <p class="muted">
        It is no flow: its code decides as it runs which step comes next. Each of its runs has a
        graph of the steps that it has done.
      </p>
    );
  }
  const { nodes, nodeConcurrency } = graph;
  return (
    <>
      {nodeConcurrency !== null && (
        <p class="muted">At most {nodeConcurrency} nodes are under way at once.</p>
      )}
      <GraphView
        label={`Graph of ${name}`}
        graph={{
          nodes: nodes.map(({ name: id, kind, job, when, mayFail, maxAttempts }) => ({
            ...{ id, kind, look: undefined, tookMs: undefined },
            rule: when === "all completed" ? undefined : when,
            more: (
              <>
                {job !== null && (
                  <>
                    runs of <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a>{" "}
                  </>
                )}
                {maxAttempts > 1 && `up to ${maxAttempts} tries `}
                {mayFail && "may fail without the run"}
              </>
            ),
          })),
          links: nodes.flatMap(({ name: to, after }) => after.map((from) => ({ from, to }))),
        }}
      />
    </>
  );
}
