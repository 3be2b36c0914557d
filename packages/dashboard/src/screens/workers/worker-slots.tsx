import { lengthInWords } from "../../parts/length-in-words.ts";
import { now } from "../../parts/moment.ts";

/** A run that a worker executes. What the server does not say is null. */
export interface Executed {
  run: string;
  job: string | null;
  attempt: number | null;
  since: string | null;
}

/** More cells are counted, not drawn. */
const MOST = 100;
/** So many of the runs are said in words. */
const SAID = 5;

/** The slots of a worker: a cell each, those that have a run lead to it; and the runs that it has had for longest. */
export function WorkerSlots({
  concurrency,
  executed,
}: {
  concurrency: number;
  executed: readonly Executed[];
}) {
  const free = Math.max(0, concurrency - executed.length);
  const busy = executed.slice(0, MOST);
  const drawn = Math.min(free, MOST - busy.length);
  const more = executed.length + free - busy.length - drawn;
  const longest = executed
    .filter(({ job }) => job !== null)
    .toSorted((a, b) => (a.since ?? "").localeCompare(b.since ?? ""))
    .slice(0, SAID);
  return (
    <>
      <div
        class="slots"
        role="group"
        aria-label={`${executed.length} of ${concurrency} slots busy`}
      >
        {busy.map((one) => (
          <a
            key={one.run}
            class="slot busy"
            href={`/runs/${one.run}`}
            title={saidOf(one)}
            aria-label={saidOf(one)}
          />
        ))}
        {Array.from({ length: drawn }, (_, index) => (
          <span key={index} class="slot" />
        ))}
        {more > 0 && <span class="muted">+{more}</span>}
      </div>
      {longest.length > 0 && (
        <ul class="executed">
          {longest.map((one) => (
            <li key={one.run}>
              <a href={`/runs/${one.run}`}>{one.job}</a> <span class="muted">{heldFor(one)}</span>
            </li>
          ))}
          {executed.length > longest.length && (
            <li class="muted">and {executed.length - longest.length} more</li>
          )}
        </ul>
      )}
    </>
  );
}

function saidOf(one: Executed): string {
  return one.job === null ? `Run ${one.run}` : `${one.job}, ${heldFor(one)}`;
}

function heldFor({ attempt, since }: Executed): string {
  const time =
    since === null ? "" : `for ${lengthInWords(Math.max(0, now.value - Date.parse(since)))}`;
  return attempt !== null && attempt > 1 ? `${time}, try ${attempt}` : time;
}
