import type { OverviewMinute } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { Icon } from "../../design/icon.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { At, Clock } from "../../parts/time.tsx";
import "../../design/entries.css";
import "./minute.css";

/** What is known of a minute, part by part; of what is not known, that it is not. */
export function MinuteParts({ minute }: { minute: OverviewMinute }) {
  return (
    <>
      <Numbers minute={minute} />
      <Errors errors={minute.errors} />
      <Alerts alerts={minute.alerts} />
      <Queues standing={minute.standing} />
      <Calls calls={minute.calls} />
      <Workers lost={minute.workersLost} />
      <Deploys deploys={minute.deploys} />
      <p class="muted">
        Which queues were paused, which schedules were late and what people were asked then is not
        kept.
      </p>
    </>
  );
}

function Numbers({ minute: { ends, standing } }: { minute: OverviewMinute }) {
  const oldest =
    standing &&
    (standing.oldestWaitSeconds === null ? "–" : lengthInWords(standing.oldestWaitSeconds * 1000));
  const unit = ends?.seconds === 3600 ? "that hour" : "that minute";
  return (
    <>
      <ul class="numbers" aria-label="Then">
        <Figure name="running" value={standing?.running} />
        <Figure name="waiting" value={standing?.waiting} />
        <Figure name={`failed in ${unit}`} value={ends?.failed} />
        <Figure name="oldest wait" value={oldest ?? undefined} />
      </ul>
      {ends ? (
        <p class="above">
          In {unit}: {ends.completed.toLocaleString("en")} completed,{" "}
          {ends.failed.toLocaleString("en")} failed, {ends.cancelled.toLocaleString("en")}{" "}
          cancelled; {ends.retried.toLocaleString("en")} attempts failed of runs that went on, and{" "}
          {ends.lost.toLocaleString("en")} were lost with their worker.
        </p>
      ) : (
        <NotKnown>How runs ended is not known any more: it is kept for 32 days.</NotKnown>
      )}
    </>
  );
}

function Figure({ name, value }: { name: string; value: number | string | undefined }) {
  return (
    <li>
      <div>
        <span class="number">{value?.toLocaleString("en") ?? "?"}</span>
        <span class="muted">{value === undefined ? `${name}: not known` : name}</span>
      </div>
    </li>
  );
}

function Errors({ errors }: { errors: OverviewMinute["errors"] }) {
  return (
    <Part title="What runs failed with">
      {errors === null ? (
        <NotKnown>Not known any more: it is kept for eight days.</NotKnown>
      ) : (
        <>
          <List none="Nothing." rows={errors.groups}>
            {({ fingerprint, errorClass, message, jobs, count, firstSeen }) => (
              <li key={fingerprint}>
                <div class="entry-main">
                  <a class="entry-name" href={`/errors/${fingerprint}`}>
                    {errorClass}
                  </a>{" "}
                  {jobs.join(", ")}
                  <span class="muted entry-line">{message.split("\n")[0]}</span>
                </div>
                <span class="muted">
                  {count.toLocaleString("en")} times, first seen <At at={firstSeen} />
                </span>
              </li>
            )}
          </List>
          <p class="muted">
            In the five minutes from <Clock at={errors.at} />.
          </p>
        </>
      )}
    </Part>
  );
}

function Alerts({ alerts }: { alerts: OverviewMinute["alerts"] }) {
  return (
    <Part title="Alerts that fired">
      {alerts === null ? (
        <NotKnown>Not known any more: alerts are kept as long as runs.</NotKnown>
      ) : (
        <List none="None." rows={alerts}>
          {({ id, rule, subject, severity, firedAt, resolvedAt }) => (
            <li key={id}>
              <div class="entry-main">
                <span class={severity === "critical" ? "state-failed" : "state-retrying"}>
                  <Icon name="warning" /> {severity}
                </span>{" "}
                {rule} {subject}
              </div>
              <span class="muted">
                since <At at={firedAt} />
                {resolvedAt ? (
                  <>
                    , resolved <At at={resolvedAt} />
                  </>
                ) : (
                  ", and still"
                )}
              </span>
            </li>
          )}
        </List>
      )}
    </Part>
  );
}

function Queues({ standing }: { standing: OverviewMinute["standing"] }) {
  return (
    <Part title="Queues">
      {standing === null ? (
        <NotKnown>
          What waited and ran is not known: it is kept for two hours, and nobody looked, or it is
          longer ago.
        </NotKnown>
      ) : standing.queues.length === 0 ? (
        <p class="muted">Nothing waited, and nothing ran.</p>
      ) : (
        <table class="stack">
          <thead>
            <tr>
              <th>Queue</th>
              <th class="number-cell">Waited</th>
              <th class="number-cell">Ran</th>
              <th class="number-cell">Oldest wait</th>
            </tr>
          </thead>
          <tbody>
            {standing.queues.map(({ queue, waiting, running, oldestSeconds }) => (
              <tr key={queue}>
                <td class="whole">
                  <a href={`/queues/${encodeURIComponent(queue)}`}>{queue}</a>
                </td>
                <td class="number-cell" data-label="Waited">
                  {waiting.toLocaleString("en")}
                </td>
                <td class="number-cell" data-label="Ran">
                  {running.toLocaleString("en")}
                </td>
                <td class="number-cell" data-label="Oldest wait">
                  {waiting === 0 ? "–" : lengthInWords(oldestSeconds * 1000)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}

function Calls({ calls }: { calls: OverviewMinute["calls"] }) {
  // Many installations call nobody: for those it would be one more heading over nothing.
  if (calls?.length === 0) return null;
  return (
    <Part title="Calls of handlers">
      {calls === null ? (
        <NotKnown>Not known any more: they are kept for two hours.</NotKnown>
      ) : (
        <List none="None." rows={calls}>
          {({ host, calls: count, failed }) => (
            <li key={host}>
              <div class="entry-main">{host}</div>
              <span class="muted">
                {count.toLocaleString("en")} calls, {failed.toLocaleString("en")} failed
              </span>
            </li>
          )}
        </List>
      )}
    </Part>
  );
}

function Workers({ lost }: { lost: OverviewMinute["workersLost"] }) {
  return (
    <Part title="Workers lost in the hour before">
      {lost === null ? (
        <NotKnown>Not known any more: workers that ended are kept for seven days.</NotKnown>
      ) : (
        <List none="None." rows={lost}>
          {({ worker, name, lostAt }) => (
            <li key={worker}>
              <div class="entry-main">
                <span class="state-failed">
                  <Icon name="lost" /> {name}
                </span>
              </div>
              <span class="muted">
                <At at={lostAt} />
              </span>
            </li>
          )}
        </List>
      )}
    </Part>
  );
}

function Deploys({ deploys }: { deploys: OverviewMinute["deploys"] }) {
  return (
    <Part title="New code in the hour before">
      <List none="None." rows={deploys}>
        {({ job, version, at }) => (
          <li key={`${job} ${version}`}>
            <div class="entry-main">
              {job} <code>{version}</code>
            </div>
            <span class="muted">
              first seen <At at={at} />
            </span>
          </li>
        )}
      </List>
    </Part>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function List<Row>({
  rows,
  none,
  children,
}: {
  rows: readonly Row[];
  none: string;
  children: (row: Row) => ComponentChildren;
}) {
  if (rows.length === 0) return <p class="muted">{none}</p>;
  return <ul class="entries">{rows.map((row) => children(row))}</ul>;
}

function NotKnown({ children }: { children: ComponentChildren }) {
  return <p class="muted">{children}</p>;
}
