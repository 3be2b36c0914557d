import type { Retention } from "@millrace/core/api";
import type { Trouble } from "../../data/problem.ts";
import { useResource } from "../../data/resource.ts";
import { Empty, Loading, TroublePanel } from "../../parts/conditions.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { now } from "../../parts/moment.ts";
import { At } from "../../parts/time.tsx";
import { fateOf } from "./gone.ts";

/** In the place of a run that the server does not know: whether retention has taken it, and by which rule. */
export function GoneRun({
  id,
  trouble,
  onRetry,
}: {
  id: string;
  trouble: Trouble;
  onRetry: () => void;
}) {
  const { data } = useResource<Retention>("/api/v1/retention", { everyMs: 0 });
  if (!data) return <Loading what="run" rows={2} />;
  const fate = fateOf(id, { keptMs: leastKept(data), now: now.value });
  if (fate.fate === "never") return <TroublePanel trouble={trouble} onRetry={onRetry} />;
  const { runsKeptMs } = data;
  return (
    <Empty title="This run is gone">
      <p>
        It was asked for at <At at={new Date(fate.accepted).toISOString()} />, as its id tells. Runs
        are kept for {runsKeptMs === "forever" ? "ever" : lengthInWords(runsKeptMs)} after they
        ended (<code>MILLRACE_RETENTION</code>), or as long as their job says: if it was ever here,
        retention may have deleted it since <At at={new Date(fate.from).toISOString()} />, with its
        logs and outcome.
      </p>
      <p>
        <a href="/settings?tab=retention">What is kept how long</a>
      </p>
    </Empty>
  );
}

function leastKept({ runsKeptMs, jobs }: Retention): number | "forever" {
  const least = Math.min(
    ...[runsKeptMs, ...jobs.map(({ keptMs }) => keptMs)].map((ms) =>
      ms === "forever" ? Infinity : ms,
    ),
  );
  return Number.isFinite(least) ? least : "forever";
}
