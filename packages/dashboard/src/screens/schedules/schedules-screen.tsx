import type { OccurrencePage, ScheduleInfo, SchedulePage } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Icon } from "../../design/icon.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { PausedNote } from "../../parts/pause.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { Ago } from "../../parts/time.tsx";
import { WhenSeen } from "../../parts/when-seen.tsx";
import { place, withQuery } from "../../routing/router.ts";
import { DayStrip, Together } from "./day-strip.tsx";
import { MonthCalendar } from "./month-calendar.tsx";
import { OutcomeMarks } from "./outcome-marks.tsx";
import { ruleInWords } from "./rule-in-words.ts";
import { schedulePath } from "./schedule-path.ts";
import { upcomingOf } from "./upcoming.ts";
import "./schedules.css";

/** All that starts by itself: when it does next, and what became of it lately. */
export function SchedulesScreen() {
  const cursor = place.value.query.get("after");
  const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
  const path = `/api/v1/schedules?limit=200${after}`;
  const shown = useResource<SchedulePage>(path);
  return (
    <Page
      title="Schedules"
      actions={<CopyAs request={{ path: "/api/v1/schedules" }} cli="millrace schedules" />}
    >
      <Given shown={shown} what="schedules">
        {({ schedules, nextCursor }) => {
          if (schedules.length === 0) return <NoSchedule />;
          return (
            <>
              <Tabs
                label="Schedules"
                tabs={[
                  {
                    id: "list",
                    title: "List",
                    content: () => <ScheduleTable schedules={schedules} />,
                  },
                  {
                    id: "month",
                    title: "Month",
                    content: () => <MonthCalendar schedules={schedules} />,
                  },
                ]}
              />
              {nextCursor !== null && (
                <p>
                  <a class="button" href={withQuery({ after: nextCursor })}>
                    Those after {nextCursor}
                  </a>
                </p>
              )}
            </>
          );
        }}
      </Given>
    </Page>
  );
}

function ScheduleTable({ schedules }: { schedules: readonly ScheduleInfo[] }) {
  return (
    <>
      <Together schedules={schedules} />
      <table class="stack schedules">
        <thead>
          <tr>
            <th>Schedule</th>
            <th>When</th>
            <th>Next</th>
            <th>Next 24 hours</th>
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          {schedules.map((schedule) => (
            <ScheduleRow key={schedule.name} schedule={schedule} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function ScheduleRow({ schedule }: { schedule: ScheduleInfo }) {
  const { name, job, rule, nextAt, paused, problem, overlap, waiting } = schedule;
  return (
    <tr>
      <td class="whole">
        <a class="schedule-name" href={`/schedules/${encodeURIComponent(name)}`}>
          {name}
        </a>
        <div class="muted">
          starts <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a>
        </div>
        {paused && (
          <div>
            <PausedNote paused={paused} />
          </div>
        )}
        {problem && <div class="wrong">{problem}</div>}
      </td>
      <td class="whole" data-label="When">
        {ruleInWords(rule)}
        <div class="muted">
          {rule.timeZone}
          {overlap !== "skip" && `, overlap: ${overlap}`}
          {waiting > 0 && `, ${waiting} wait`}
        </div>
      </td>
      <td class="whole" data-label="Next">
        <NextFive schedule={schedule} nextAt={nextAt} />
      </td>
      <td class="whole" data-label="Next 24 hours">
        <DayStrip schedule={schedule} />
      </td>
      <td class="whole" data-label="Last">
        <WhenSeen>{() => <LastOutcomes name={name} />}</WhenSeen>
      </td>
    </tr>
  );
}

/** The next in words; the four after it when one points at it. */
function NextFive({ schedule, nextAt }: { schedule: ScheduleInfo; nextAt: string | null }) {
  if (nextAt === null) return <span class="muted">never</span>;
  const { occurrences } = upcomingOf(
    schedule,
    Date.parse(schedule.nextNominal ?? nextAt),
    Infinity,
    5,
  );
  const local = occurrences.map((one) => one.local.replace("T", " ").slice(0, 16));
  return (
    <details class="next-five">
      <summary>
        <Ago at={nextAt} />
      </summary>
      <ul>
        {local.map((time, index) => (
          <li key={time}>
            {time}{" "}
            {occurrences[index]?.dst && (
              <span title={occurrences[index].note ?? ""}>
                <Icon name="warning" />
              </span>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

function LastOutcomes({ name }: { name: string }) {
  const { data } = useResource<OccurrencePage>(`${schedulePath(name)}/occurrences?limit=10`, {
    everyMs: 30_000,
  });
  return data ? <OutcomeMarks occurrences={data.occurrences} /> : null;
}

function NoSchedule() {
  return (
    <Empty
      title="No schedule yet"
      command={`millrace schedules create nightly --job report --cron "30 1 * * *" --tz Europe/Lisbon`}
    >
      <p>Code defines them beside its jobs, or somebody makes one:</p>
    </Empty>
  );
}
