import type { Explanation, Run } from "@millrace/core/api";
import { isFinal } from "@millrace/core";
import { isLive } from "../../data/live.ts";
import { useResource } from "../../data/resource.ts";
import { Ago } from "../../parts/time.tsx";
import { Words } from "../../parts/words.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { shortId } from "../runs/short-id.ts";
import { useDeadLetter } from "./use-dead-letter.ts";

/** Why the run is as it is, in words: the first thing that one wants to know. */
export function WhyPanel({ run }: { run: Run }) {
  const kind = run.state === "failed" ? "bad" : "";
  return (
    <section class={`why ${kind}`} aria-label="Why">
      <h2>Why</h2>
      {isFinal(run.state) ? <Ended run={run} /> : <Open run={run} />}
    </section>
  );
}

function Ended({ run }: { run: Run }) {
  const { state, error, continuedAs } = run;
  if (state === "failed" && error) {
    const last = run.attempts.findLast((attempt) => attempt.error !== null);
    const place = placeIn(last?.error?.stack);
    return (
      <>
        <p>
          <strong>{error.class}</strong>
          {place && (
            <>
              {" "}
              at <code>{place}</code>
            </>
          )}
        </p>
        <p class="said">{error.message}</p>
        <p class="muted">
          {tries(run)}; it is over, and nobody tries again by itself.
          {run.reruns.length > 0 && " It was rerun: "}
          {run.reruns.map((id) => (
            <a key={id} href={`/runs/${id}`}>
              {shortId(id)}{" "}
            </a>
          ))}
        </p>
        <Handled run={run} />
      </>
    );
  }
  if (state === "cancelled") {
    const entry = run.timeline.findLast(
      ({ event, actor }) => /cancel/.test(event) && actor !== null,
    );
    const reason = entry?.detail?.["reason"];
    return (
      <p>
        Cancelled{entry?.actor ? ` by ${entry.actor}` : ""}
        {typeof reason === "string" ? `: “${reason}”` : "."}
      </p>
    );
  }
  return (
    <p>
      Completed {tries(run)}
      {run.startedAt && run.finishedAt && (
        <>, which took {lengthInWords(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}</>
      )}
      .
      {continuedAs && (
        <>
          {" "}
          It continues as <a href={`/runs/${continuedAs}`}>{shortId(continuedAs)}</a>.
        </>
      )}
    </p>
  );
}

/** What a failed run is as a dead letter. */
function Handled({ run }: { run: Run }) {
  const letter = useDeadLetter(run);
  if (!letter) return null;
  const { handled, fingerprint } = letter;
  const group = fingerprint === null ? undefined : `/errors/${fingerprint}`;
  return (
    <p>
      {handled === null ? (
        <>
          It is a <a href="/dead">dead letter</a>, which nobody has handled.
        </>
      ) : (
        <>
          {handled.resolution === "rerun" ? "Handled by a rerun" : "Dismissed"} by {handled.by}{" "}
          <Ago at={handled.at} />
          {handled.operation !== null && (
            <>
              , in <a href={`/bulk/${handled.operation}`}>operation {handled.operation}</a>
            </>
          )}
          {handled.note === null ? "." : `: “${handled.note}”`}
        </>
      )}
      {group && (
        <>
          {" "}
          <a href={group}>What those that fail alike have in common</a>
        </>
      )}
    </p>
  );
}

function Open({ run }: { run: Run }) {
  // The stream tells when the run itself stands otherwise; how many are ahead of it changes by itself.
  const liveMs = run.state === "running" ? 30_000 : 10_000;
  const { data } = useResource<Explanation>(`/api/v1/runs/${run.id}/explain`, {
    everyMs: isLive.value ? liveMs : 3000,
  });
  return (
    <>
      <p>
        <Words text={data?.summary ?? run.reason ?? `It is ${run.state}.`} />
      </p>
      {data?.blockers.some(({ holders }) => holders.length > 0) && (
        <ul class="holders">
          {data.blockers.flatMap(({ holders }) =>
            holders.map(({ run: holder, worker, since }) => (
              <li key={holder}>
                <a href={`/runs/${holder}`}>{shortId(holder)}</a> holds it, on worker {worker},{" "}
                since <Ago at={since} />
              </li>
            )),
          )}
        </ul>
      )}
      {data?.expectedStart && (
        <p class="muted">
          It will start <Ago at={data.expectedStart} />, as far as the pace of now tells.
        </p>
      )}
      {run.error && (
        <p class="said">
          The last try failed: <strong>{run.error.class}</strong>: {run.error.message}
        </p>
      )}
    </>
  );
}

function tries({ attempt, maxAttempts, state }: Run): string {
  if (state === "completed") return `at try ${attempt}`;
  if (attempt === 0) return "It was never tried";
  const of = maxAttempts !== null && maxAttempts > 1 ? ` of ${maxAttempts}` : "";
  return attempt === 1 ? `Tried once${of && `,${of}`}` : `Tried ${attempt} times${of}`;
}

/** The first line of a stack that is of the author's own code: file and line. */
function placeIn(stack: string | null | undefined): string | undefined {
  const own = stack
    ?.split("\n")
    .find(
      (line) => /^\s+at /.test(line) && !/node_modules|node:|packages.(server|sdk).dist/.test(line),
    );
  return own && /([^\s(/\\]*[/\\]?[^\s(/\\]+:\d+):\d+\)?$/.exec(own)?.[1];
}
