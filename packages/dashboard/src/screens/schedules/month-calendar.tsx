import type { ScheduleInfo } from "@millrace/core/api";
import { useMemo } from "preact/hooks";
import { Icon } from "../../design/icon.tsx";
import { exactTime, inUtc, now } from "../../parts/moment.ts";
import { place, withQuery } from "../../routing/router.ts";
import { type Day, monthNamed, monthOf } from "./month.ts";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/** So many entries of a day are shown. */
const MOST = 5;

/** A month over all schedules; days on which clocks change are marked. */
export function MonthCalendar({ schedules }: { schedules: readonly ScheduleInfo[] }) {
  const utc = inUtc.value;
  const today = exactTime(new Date(now.value).toISOString(), utc).slice(0, 10);
  const month = monthNamed(place.value.query.get("month")) ?? today.slice(0, 7);
  const { days, often } = useMemo(() => monthOf(schedules, month, utc), [schedules, month, utc]);
  const title = new Date(`${month}-01T00:00:00Z`).toLocaleDateString("en", {
    ...{ month: "long", year: "numeric", timeZone: "UTC" },
  });
  return (
    <section class="month">
      <div class="row month-head">
        <h2>{title}</h2>
        <a
          class="button"
          href={withQuery({ month: monthAfter(month, -1) })}
          aria-label="Month before"
        >
          ←
        </a>
        <a
          class="button"
          href={withQuery({ month: monthAfter(month, 1) })}
          aria-label="Month after"
        >
          →
        </a>
        <span class="muted">
          Times are {utc ? "UTC" : "those of this browser"}; reckoned from the rules as they are
          now.
        </span>
      </div>
      {often.length > 0 && <p class="muted">Too often to be drawn: {often.join(", ")}.</p>}
      <div class="month-weekdays" aria-hidden="true">
        {WEEKDAYS.map((day) => (
          <span key={day}>{day}</span>
        ))}
      </div>
      <ol class="month-days">
        {days.map((day) => (
          <DayCell key={day.date} day={day} today={day.date === today} />
        ))}
      </ol>
    </section>
  );
}

function DayCell({ day, today }: { day: Day; today: boolean }) {
  const { date, inMonth, entries, shifts } = day;
  const kind = [
    "day",
    !inMonth && "day-outside",
    today && "day-today",
    entries.length + shifts.length === 0 && "day-empty",
  ];
  const weekday = WEEKDAYS[(new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7];
  return (
    <li class={kind.filter(Boolean).join(" ")}>
      <time dateTime={date} class="day-date">
        <span class="day-weekday">{weekday} </span>
        {Number(date.slice(8))}
        {today && <span class="muted"> today</span>}
      </time>
      {shifts.map((shift) => (
        <p key={shift} class="day-shift">
          clocks {shift}
        </p>
      ))}
      <ul>
        {entries.slice(0, MOST).map(({ name, time, count, paused, note }) => (
          <li key={name} class={paused ? "muted paused" : undefined} title={note ?? name}>
            <span class="muted">{count > 1 ? `${count}×` : time}</span>{" "}
            <a href={`/schedules/${encodeURIComponent(name)}`}>{name}</a>
            {note && (
              <>
                {" "}
                <Icon name="warning" />
                <span class="unseen">{note}</span>
              </>
            )}
            {paused && <span class="unseen"> paused</span>}
          </li>
        ))}
      </ul>
      {entries.length > MOST && <p class="muted">and {entries.length - MOST} more</p>}
    </li>
  );
}

function monthAfter(month: string, by: number): string {
  const date = new Date(`${month}-01T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() + by);
  return date.toISOString().slice(0, 7);
}
