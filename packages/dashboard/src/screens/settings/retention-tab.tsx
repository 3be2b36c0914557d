import type { History, Retention, RetentionRule } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { aboutInWords, bytesInWords } from "../../parts/amount.ts";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Ago, At } from "../../parts/time.tsx";

const PATH = "/api/v1/retention";

/** What is kept how long, how much that is, and how much it will be. */
export function RetentionTab() {
  const shown = useResource<Retention>(PATH, { everyMs: 60_000 });
  return (
    <>
      <div class="tools">
        <p class="muted">
          History goes by whole partitions once its time is over. Runs that have not ended, dead
          letters that nobody has handled, and runs with a rerun that stays, stay whatever their
          age.
        </p>
        <div class="row">
          <CopyAs request={{ path: PATH }} cli={"millrace retention\nmillrace prune --dry-run"} />
        </div>
      </div>
      <Given shown={shown} what="retention">
        {({ rules, jobs, history }) => (
          <>
            {history && <Now history={history} />}
            <Rules rules={rules} />
            {jobs.length > 0 && <OwnJobs jobs={jobs} />}
            {history && <Forecast history={history} />}
          </>
        )}
      </Given>
    </>
  );
}

function keptInWords(ms: number | "forever"): string {
  return ms === "forever" ? "for ever" : lengthInWords(ms);
}

function Now({ history }: { history: History }) {
  const { since, runs, bytes, perDay, otherBytes, next } = history;
  return (
    <dl class="facts">
      <div>
        <dt>Runs</dt>
        <dd>
          about {aboutInWords(runs)}
          {since && (
            <>
              , since <At at={since} />
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>History</dt>
        <dd>{bytesInWords(bytes)}</dd>
      </div>
      <div>
        <dt>All other tables</dt>
        <dd>{bytesInWords(otherBytes)}</dd>
      </div>
      <div>
        <dt>Added each day</dt>
        <dd>
          {perDay
            ? `about ${aboutInWords(perDay.runs)} runs, ${bytesInWords(perDay.bytes)}`
            : "told once there is an hour of history"}
        </dd>
      </div>
      <div>
        <dt>Next to go</dt>
        <dd>{next ? <Next next={next} /> : "there is no partition yet"}</dd>
      </div>
    </dl>
  );
}

function Next({ next }: { next: NonNullable<History["next"]> }) {
  const { from, until, goesAt, bytes } = next;
  const what = `${from.slice(0, 10)} to ${until.slice(0, 10)}, ${bytesInWords(bytes)}`;
  if (goesAt === null) return <>nothing: {what} is kept for ever</>;
  return (
    <>
      {what}, at the earliest <Ago at={goesAt} />
    </>
  );
}

function Rules({ rules }: { rules: readonly RetentionRule[] }) {
  const told = rules.some(({ bytes }) => bytes !== null);
  return (
    <section class="section">
      <h2>What is kept how long</h2>
      <table class="stack">
        <thead>
          <tr>
            <th>What</th>
            <th>Kept after its end</th>
            {told && <th class="number-cell">Rows, about</th>}
            {told && <th class="number-cell">Size</th>}
            <th>Said by</th>
          </tr>
        </thead>
        <tbody>
          {rules.map((rule) => (
            <Rule key={rule.what} rule={rule} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Rule({ rule: { what, keptMs, setBy, rows, bytes } }: { rule: RetentionRule }) {
  return (
    <tr>
      <td class="whole">{what}</td>
      <td data-label="Kept">{keptMs === null ? "as its run" : keptInWords(keptMs)}</td>
      {rows !== null && (
        <td class="number-cell" data-label="Rows, about">
          {aboutInWords(rows)}
        </td>
      )}
      {bytes !== null && (
        <td class="number-cell" data-label="Size">
          {bytesInWords(bytes)}
        </td>
      )}
      <td class="whole" data-label="Said by">
        {setBy ? <code>{setBy}</code> : <span class="muted">Millrace itself</span>}
      </td>
    </tr>
  );
}

function OwnJobs({ jobs }: { jobs: Retention["jobs"] }) {
  return (
    <section class="section">
      <h2>Jobs that say for themselves</h2>
      <ul class="plain">
        {jobs.map(({ job, keptMs }) => (
          <li key={job}>
            <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a> {keptInWords(keptMs)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Forecast({ history: { runs, bytes, forecast, kept } }: { history: History }) {
  const staying = [
    [kept.open, "have not ended"],
    [kept.dead, "are dead letters that nobody has handled"],
    [kept.rerun, "have a rerun that stays"],
    [kept.young, "are of jobs that are kept for longer"],
  ].filter(([count]) => Number(count) > 0);
  return (
    <section class="section">
      <h2>What it will be</h2>
      {forecast.length === 0 ? (
        <p class="muted">Not known yet.</p>
      ) : (
        <>
          <p class="muted">If as much is added each day as within the last week:</p>
          <table class="stack">
            <thead>
              <tr>
                <th>When</th>
                <th class="number-cell">Runs</th>
                <th class="number-cell">Size</th>
              </tr>
            </thead>
            <tbody>
              <Then at={undefined} amount={{ runs, bytes }} />
              {forecast.map((then) => (
                <Then key={then.at} at={then.at} amount={then} />
              ))}
            </tbody>
          </table>
        </>
      )}
      {staying.length > 0 && (
        <p>Of old partitions, as last seen: {staying.map((each) => each.join(" ")).join("; ")}.</p>
      )}
    </section>
  );
}

/** @param at undefined for now */
function Then({ at, amount }: { at: string | undefined; amount: { runs: number; bytes: number } }) {
  return (
    <tr>
      <td class="whole">{at === undefined ? "now" : <Ago at={at} />}</td>
      <td class="number-cell" data-label="Runs">
        {aboutInWords(amount.runs)}
      </td>
      <td class="number-cell" data-label="Size">
        {bytesInWords(amount.bytes)}
      </td>
    </tr>
  );
}
