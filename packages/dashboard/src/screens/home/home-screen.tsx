import type { RunPage } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { Later } from "../../parts/later.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { Page } from "../../parts/page.tsx";
import { Spark } from "../../parts/spark.tsx";
import { RangePicker } from "../../parts/range-picker.tsx";
import { Share } from "../../parts/share.tsx";
import { inRange } from "../../routing/in-range.ts";
import { type Range, instant, rangeOf } from "../../routing/range.ts";
import { place } from "../../routing/router.ts";
import { AttentionList } from "./attention-list.tsx";
import { minuteIn, rangeAround } from "./moment-in-address.ts";
import { OutcomeChart } from "./outcome-chart.tsx";
import type { Overview } from "./overview.ts";
import { MinuteSlider } from "./minute-slider.tsx";
import { Welcome } from "./welcome.tsx";

const LAST_HOUR: Range = { preset: "1h" };

function askedOf(range: Range): URLSearchParams {
  if ("preset" in range) return new URLSearchParams({ range: range.preset });
  return new URLSearchParams({ since: instant(range.from), until: instant(range.to) });
}

const loadMinute = async () => (await import("./minute-panel.tsx")).MinutePanel;

/** What is going on, and what of it needs somebody; or what was so in a minute that is over. */
export function HomeScreen({ isScreen }: { isScreen: (path: string) => boolean }) {
  const { query } = place.value;
  const at = minuteIn(query);
  const range = rangeAround(rangeOf(query), at) ?? LAST_HOUR;
  const shown = useResource<Overview>(`/api/v1/overview?${askedOf(range)}`);
  const then = at !== undefined;
  return (
    <Page
      title="Home"
      actions={
        <>
          <RangePicker otherwise={then ? range : LAST_HOUR} />
          <Share shared={{ range, at }} />
        </>
      }
    >
      <Given shown={shown} what="overview" rows={8}>
        {(overview) => (
          <>
            {!then && isQuiet(overview) && <IfNew />}
            {!then && <AttentionList attention={overview.attention} isScreen={isScreen} />}
            {!then && <Numbers overview={overview} />}
            <OutcomeChart overview={overview} at={at} />
            <MinuteSlider overview={overview} at={at} />
            {then && <Later load={loadMinute} what="minute" props={{ at }} />}
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
        to="status:failed"
        ranged
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
  ranged = false,
  spark,
  token,
}: {
  name: string;
  value: string;
  to: string;
  /** Of the time that is looked at; else of now. */
  ranged?: boolean;
  spark: readonly number[];
  token?: string;
}) {
  const list = `/runs?q=${encodeURIComponent(to)}`;
  return (
    <li>
      <a href={ranged ? inRange(list) : list}>
        <span class="number">{value}</span>
        <span class="muted">{name}</span>
        <Spark values={spark} {...(token !== undefined && { token })} />
      </a>
    </li>
  );
}
