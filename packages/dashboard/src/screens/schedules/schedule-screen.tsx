import type { OccurrencePage, ScheduleInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Icon } from "../../design/icon.tsx";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Page } from "../../parts/page.tsx";
import { PausedNote } from "../../parts/pause.tsx";
import { runsLink } from "../../parts/runs-link.ts";
import { Ago, At } from "../../parts/time.tsx";
import { Words } from "../../parts/words.tsx";
import type { ScreenProps } from "../../shell/screens.ts";
import { OutcomeWord } from "./outcome-marks.tsx";
import { OVERLAP_WORDS, missedInWords, ruleInWords } from "./rule-in-words.ts";
import { ScheduleActions } from "./schedule-actions.tsx";
import { schedulePath } from "./schedule-path.ts";
import { isPausedAt, upcomingOf } from "./upcoming.ts";
import "./schedules.css";

/** One schedule: what comes, what became of what was due, and what can be done about it. */
export function ScheduleScreen({ params, isScreen }: ScreenProps) {
  const name = params["name"]!;
  const shown = useResource<ScheduleInfo>(schedulePath(name));
  return (
    <Page
      title={`Schedule ${name}`}
      actions={
        <>
          {shown.data && !shown.old && (
            <ScheduleActions schedule={shown.data} isScreen={isScreen} />
          )}
          <CopyAs
            request={{ path: schedulePath(name) }}
            cli={`millrace schedules show ${name}\nmillrace schedules preview ${name}\nmillrace schedules occurrences ${name}`}
          />
        </>
      }
    >
      <Given shown={shown} what="schedule">
        {(schedule) => (
          <>
            <Notes schedule={schedule} />
            <Facts schedule={schedule} />
            <div class="halves">
              <Coming schedule={schedule} />
              <section class="section">
                <h2>Input of its runs</h2>
                <JsonView value={schedule.input} what="Input of its runs" />
              </section>
            </div>
            <Ledger name={schedule.name} />
          </>
        )}
      </Given>
    </Page>
  );
}

function Notes({ schedule: { paused, problem, differs, changedBy } }: { schedule: ScheduleInfo }) {
  return (
    <>
      {paused && (
        <p class="paused-note">
          <PausedNote paused={paused} />
        </p>
      )}
      {problem && (
        <p class="why bad" role="status">
          {problem}
        </p>
      )}
      {differs.length > 0 && (
        <p class="paused-note">
          {changedBy?.replace(/^person:/, "") ?? "Somebody"} has changed its {differs.join(", ")}:
          that holds instead of what the code says, until it is reset.
        </p>
      )}
    </>
  );
}

function Facts({ schedule }: { schedule: ScheduleInfo }) {
  const { job, rule, overlap, waiting, createdBy, defined } = schedule;
  const words = ruleInWords(rule);
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Fires</dt>
          <dd>
            {words}
            {rule.cron !== null && rule.cron !== words && (
              <>
                {" "}
                <code>{rule.cron}</code>
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>By the clock of</dt>
          <dd>{rule.timeZone}</dd>
        </div>
        <div>
          <dt>Starts</dt>
          <dd>
            <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a>
          </dd>
        </div>
        <div>
          <dt>Its runs</dt>
          <dd>
            <a href={runsLink({ schedule: schedule.name })}>all of them</a>
            {waiting > 0 && `; ${waiting} wait for their turn`}
          </dd>
        </div>
        {rule.jitterMs !== null && (
          <div>
            <dt>Each up to</dt>
            <dd>{lengthInWords(rule.jitterMs)} later</dd>
          </div>
        )}
        {rule.start !== null && (
          <div>
            <dt>Not before</dt>
            <dd>
              <At at={rule.start} />
            </dd>
          </div>
        )}
        {rule.end !== null && (
          <div>
            <dt>Until</dt>
            <dd>
              <At at={rule.end} />
            </dd>
          </div>
        )}
        <div>
          <dt>Defined by</dt>
          <dd>{defined ? "the code" : createdBy.replace(/^person:/, "")}</dd>
        </div>
      </dl>
      <p class="schedule-policy">
        An occurrence is {OVERLAP_WORDS[overlap]}. {missedInWords(schedule)}
        {rule.blackouts.length > 0 &&
          ` Skipped in ${rule.blackouts.length === 1 ? "a blackout" : `${rule.blackouts.length} blackouts`}.`}
      </p>
    </>
  );
}

/** So many are shown. */
const SHOWN = 5;

function Coming({ schedule }: { schedule: ScheduleInfo }) {
  const { nextAt } = schedule;
  const { occurrences } =
    nextAt === null
      ? { occurrences: [] }
      : upcomingOf(schedule, Date.parse(schedule.nextNominal ?? nextAt), Infinity, SHOWN);
  return (
    <section class="section">
      <h2>Next {SHOWN}</h2>
      {occurrences.length === 0 && <p class="muted">It does not fire any more.</p>}
      <ol class="plain coming">
        {occurrences.map(({ at, local, note }) => (
          <li key={at}>
            <code>{local.replace("T", " ")}</code> <Ago at={at} />
            {isPausedAt(schedule, at) && (
              <span class="state-retrying"> skipped, as it is paused</span>
            )}
            {note && (
              <div class="state-retrying">
                <Icon name="warning" /> {note}
              </div>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Ledger({ name }: { name: string }) {
  const shown = useResource<OccurrencePage>(`${schedulePath(name)}/occurrences?limit=50`);
  return (
    <section class="section">
      <h2>What became of the last</h2>
      <Given shown={shown} what="occurrences">
        {({ occurrences }) =>
          occurrences.length === 0 ? (
            <p class="muted">None was due yet.</p>
          ) : (
            <table class="stack">
              <thead>
                <tr>
                  <th>For</th>
                  <th>Outcome</th>
                  <th>Late by</th>
                  <th>Run</th>
                  <th>Why</th>
                </tr>
              </thead>
              <tbody>
                {occurrences.map(({ nominal, at, outcome, decidedAt, runId, reason, alert }) => (
                  <tr key={nominal}>
                    <td class="whole">
                      <At at={nominal} />
                    </td>
                    <td data-label="Outcome">
                      <OutcomeWord outcome={outcome} />
                    </td>
                    <td data-label="Late by">
                      {outcome === "planned"
                        ? "–"
                        : lengthInWords(Math.max(0, Date.parse(decidedAt) - Date.parse(at)))}
                    </td>
                    <td data-label="Run">
                      {runId ? <a href={`/runs/${runId}`}>{runId.slice(-8)}</a> : "–"}
                    </td>
                    <td class="whole">
                      {alert && <div class="wrong">{alert}</div>}
                      {reason && <Words text={reason} />}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Given>
    </section>
  );
}
