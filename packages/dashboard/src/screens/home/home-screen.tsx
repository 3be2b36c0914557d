import type { RunPage } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { Page } from "../../parts/page.tsx";
import { Spark } from "../../parts/spark.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { AttentionList } from "./attention-list.tsx";
import { OutcomeChart } from "./outcome-chart.tsx";
import { type Overview, RANGES } from "./overview.ts";
import { Welcome } from "./welcome.tsx";

/** What is going on, and what of it needs somebody. */
export function HomeScreen({ isScreen }: { isScreen: (path: string) => boolean }) {
  const asked = place.value.query.get("range");
  const range = RANGES.find((one) => one === asked) ?? "1h";
  const shown = useResource<Overview>(`/api/v1/overview?range=${range}`);
  const turn = (by: number) => {
    const next = RANGES[RANGES.indexOf(range) + by];
    if (next) go(withQuery({ range: next }), "replace");
  };
  useKeys({ "[": () => turn(-1), "]": () => turn(1) });
  return (
    <Page
      title="Home"
      actions={
        <nav class="chips" aria-label="Time range">
          {RANGES.map((one) => (
            <a
              key={one}
              class="chip"
              href={withQuery({ range: one })}
              aria-current={one === range ? "true" : undefined}
            >
              {one}
            </a>
          ))}
        </nav>
      }
    >
      <Given shown={shown} what="overview" rows={8}>
        {(overview) => (
          <>
            {isQuiet(overview) && <IfNew />}
            <AttentionList attention={overview.attention} isScreen={isScreen} />
            <Numbers overview={overview} />
            <OutcomeChart overview={overview} />
          </>
        )}
      </Given>
    </Page>
  );
}

function isQuiet({ attention, numbers, bars }: Overview): boolean {
  const counts = [...bars.completed, ...bars.failed, ...bars.cancelled];
  return attention.length + numbers.running + numbers.waiting + Math.max(...counts, 0) === 0;
}

/** Where nothing happens, it may be that nothing ever has. */
function IfNew() {
  const { data } = useResource<RunPage>("/api/v1/runs?limit=1");
  return data?.runs.length === 0 ? <Welcome /> : null;
}

function Numbers({ overview: { numbers, sparks } }: { overview: Overview }) {
  const { running, waiting, failedPerMinute, oldestWaitSeconds } = numbers;
  const oldest = oldestWaitSeconds === null ? "–" : lengthInWords(oldestWaitSeconds * 1000);
  return (
    <ul class="numbers" aria-label="Now">
      <BigNumber
        name="running"
        value={running.toLocaleString("en")}
        to="status:running"
        spark={sparks.running}
        token="running"
      />
      <BigNumber
        name="waiting"
        value={waiting.toLocaleString("en")}
        to="status:queued"
        spark={sparks.waiting}
      />
      <BigNumber
        name="failed/min"
        value={String(Math.round(failedPerMinute * 10) / 10)}
        to="status:failed age:<1h"
        spark={sparks.failed}
        token="failed"
      />
      <BigNumber
        name="oldest wait"
        value={oldest}
        to="status:queued"
        spark={sparks.oldestWaitSeconds}
      />
    </ul>
  );
}

/** Leads to the runs that it counts. */
function BigNumber({
  name,
  value,
  to,
  spark,
  token,
}: {
  name: string;
  value: string;
  to: string;
  spark: readonly number[];
  token?: string;
}) {
  return (
    <li>
      <a href={`/runs?q=${encodeURIComponent(to)}`}>
        <span class="number">{value}</span>
        <span class="muted">{name}</span>
        <Spark values={spark} {...(token !== undefined && { token })} />
      </a>
    </li>
  );
}
