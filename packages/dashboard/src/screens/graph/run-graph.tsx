import { isFinal } from "@millrace/core";
import type { GraphNode, Run, RunGraph as Graph } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { now } from "../../parts/moment.ts";
import { shortId } from "../runs/short-id.ts";
import { GraphView } from "./graph-view.tsx";
import { type ShownNode, lookOfNode } from "./shown-node.ts";

/** A run as a graph: the nodes of its flow with what has become of each, or its steps as they came after each other. */
export function RunGraph({ run }: { run: Run }) {
  const over = isFinal(run.state);
  const shown = useResource<Graph>(`/api/v1/runs/${run.id}/graph`, { everyMs: over ? 0 : 2000 });
  return (
    <Given shown={shown} what="graph">
      {({ nodes, edges, source, truncated }) => {
        if (nodes.length === 0) return <p class="muted">This run has no steps on record.</p>;
        const active =
          nodes.find(({ state }) => state === "running") ??
          nodes.find(({ state }) => state === "waiting");
        return (
          <>
            {source === "steps" && (
              <p class="muted">
                Its steps as they came: each after the one that ended last before it began.
                {truncated && " There were more than these 1,000, which are the last."}
              </p>
            )}
            <GraphView
              graph={{ nodes: nodes.map(shownNode), links: edges }}
              label={`Graph of ${run.job}`}
              active={over ? undefined : (active ?? nodes.at(-1))?.id}
            />
          </>
        );
      }}
    </Given>
  );
}

function shownNode(node: GraphNode): ShownNode {
  const { id, kind, state, when } = node;
  return {
    ...{ id, kind },
    look: lookOfNode(state),
    rule: when === null || when === "all completed" ? undefined : when,
    tookMs: tookMs(node),
    more: <More node={node} />,
  };
}

function tookMs({ state, startedAt, finishedAt }: GraphNode): number | undefined {
  if (startedAt === null) return undefined;
  if (finishedAt === null && (state === "pending" || state === "cancelled")) return undefined;
  // A sleep that is on record ends when it is due, which may lie ahead.
  const until = finishedAt === null ? now.value : Math.min(now.value, Date.parse(finishedAt));
  return Math.max(0, until - Date.parse(startedAt));
}

function More({
  node: { state, because, error, items, children, tries, job },
}: {
  node: GraphNode;
}) {
  return (
    <>
      {state === "skipped" &&
        (because === null ? "Its rule was not met. " : `Because of ${because}. `)}
      {error && (
        <span class="wrong">
          {error.class}: {error.message}{" "}
        </span>
      )}
      {tries !== null && tries > 1 && `${tries} tries. `}
      {items &&
        `${items.completed} of ${items.total} items${items.failed > 0 ? `, ${items.failed} failed` : ""}. `}
      {children && <Children job={job} children_={children} />}
    </>
  );
}

function Children({
  job,
  children_: { runs, ...counts },
}: {
  job: string | null;
  children_: NonNullable<GraphNode["children"]>;
}) {
  const { later, ...others } = counts;
  const words = Object.entries({ ...others, "not started": later }).flatMap(([state, count]) =>
    count > 0 ? [`${count} ${state}`] : [],
  );
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <>
      {job !== null && `${job}: `}
      {words.join(", ")}{" "}
      {runs.map(({ id }) => (
        <a key={id} href={`/runs/${id}`}>
          {shortId(id)}{" "}
        </a>
      ))}
      {all > runs.length && "and more"}
    </>
  );
}
