import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icon.tsx";
import { Ago } from "../../parts/time.tsx";
import { lengthInWords } from "../../parts/moment.ts";
import { Spark } from "../../parts/spark.tsx";
import { go } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import type { Attention } from "./overview.ts";

/** What somebody should look at, the most urgent first: Enter shows why, R opens what can be done. */
export function AttentionList({
  attention,
  isScreen,
}: {
  attention: readonly Attention[];
  /** Whether there is a screen at an address. */
  isScreen: (path: string) => boolean;
}) {
  const list = useRef<HTMLOListElement>(null);
  const [at, setAt] = useState(0);
  const linkAt = (index: number) =>
    list.current?.querySelectorAll<HTMLAnchorElement>("a.open")[index];
  const show = (index: number) => {
    const to = Math.max(0, Math.min(attention.length - 1, index));
    setAt(to);
    linkAt(to)?.focus();
  };
  const none = attention.length === 0;
  useEffect(() => {
    // The first one is ready for Enter, unless somebody is at something already.
    if (!none && (document.activeElement ?? document.body) === document.body) linkAt(0)?.focus();
  }, [none]);
  const replay = () => {
    const one = attention[at];
    if (one) go(linkOf(one, isScreen, true));
  };
  useKeys({
    j: () => show(at + 1),
    k: () => show(at - 1),
    R: replay,
    ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [String(n), () => show(n - 1)])),
  });
  return (
    <section class="attention" aria-labelledby="attention">
      <h2 id="attention">Needs attention</h2>
      {none ? (
        <p class="calm">
          <span class="state-succeeded">
            <Icon name="completed" />
          </span>{" "}
          Nothing. Runs start, and those that failed have been handled.
        </p>
      ) : (
        <ol ref={list}>
          {attention.map((one, index) => (
            <li key={keyOf(one)} class={`attention-${one.kind}`}>
              <a href={linkOf(one, isScreen)} class="open" onFocus={() => setAt(index)}>
                <Line one={one} />
              </a>
              {one.kind === "errors" && (
                <>
                  <Spark values={one.spark} token="failed" />
                  <a class="button" href={linkOf(one, isScreen, true)}>
                    Retry<span class="unseen"> {one.errorClass}</span>
                  </a>
                </>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Line({ one }: { one: Attention }) {
  switch (one.kind) {
    case "errors":
      return (
        <>
          <span class="state-failed">
            <Icon name="failed" /> {one.errorClass}
          </span>{" "}
          <strong>{one.jobs.join(", ")}</strong>{" "}
          {one.inRange > 0
            ? `${one.inRange === 1 ? "once," : `${one.inRange.toLocaleString("en")} times, the first`} `
            : "first seen "}
          <Ago at={one.firstSeen} />
          <span class="muted attention-more">{one.message.split("\n")[0]}</span>
        </>
      );
    case "queue":
      return (
        <>
          <span class="state-retrying">
            <Icon name="warning" /> Queue {one.queue}
          </span>{" "}
          {one.waiting.toLocaleString("en")} waiting, the oldest for{" "}
          {lengthInWords(one.oldestSeconds * 1000)}
          <span class="muted attention-more">{queueWhy(one)}</span>
        </>
      );
    case "schedule":
      return (
        <>
          <span class="state-retrying">
            <Icon name="scheduled" /> Schedule {one.schedule}
          </span>{" "}
          {lengthInWords(one.lateSeconds * 1000)} late
          <span class="muted attention-more">
            {one.job} was due <Ago at={one.dueAt} />
          </span>
        </>
      );
    case "worker":
      return (
        <>
          <span class="state-failed">
            <Icon name="lost" /> Worker {one.name}
          </span>{" "}
          lost <Ago at={one.lostAt} />
          <span class="muted attention-more">Its runs were given to others</span>
        </>
      );
    case "approvals":
    case "doubts":
    case "parked":
      return (
        <>
          <span class="state-waiting">
            <Icon name="waiting" /> {one.count} {WAITS[one.kind][one.count === 1 ? 0 : 1]}
          </span>{" "}
          the oldest since <Ago at={one.oldestSince} />
        </>
      );
  }
}

/** Of one, and of several. */
const WAITS = {
  approvals: ["waits for an approval,", "wait for an approval,"],
  doubts: ["is in doubt,", "are in doubt,"],
  parked: ["waits for other code,", "wait for other code,"],
} as const;

function queueWhy({ paused, workers, growingPerMinute }: Attention & { kind: "queue" }): string {
  if (paused)
    return `Paused by ${paused.by ?? "code"}${paused.reason ? `: “${paused.reason}”` : ""}`;
  if (workers === 0) return "No living worker takes it";
  if (growingPerMinute !== null && growingPerMinute > 0) {
    return `It grows by ${Math.round(growingPerMinute)} a minute: more comes in than ${workers} workers finish`;
  }
  return `${workers} workers take it`;
}

function keyOf(one: Attention): string {
  switch (one.kind) {
    case "errors":
      return `errors ${one.fingerprint}`;
    case "queue":
      return `queue ${one.queue}`;
    case "schedule":
      return `schedule ${one.schedule}`;
    case "worker":
      return `worker ${one.worker}`;
    default:
      return one.kind;
  }
}

/** @param replay to what can be done at once */
function linkOf(one: Attention, isScreen: (path: string) => boolean, replay = false): string {
  const [path, otherwise] = placesOf(one);
  if (!isScreen(path)) return otherwise;
  return replay && one.kind === "errors" ? `${path}?do=replay` : path;
}

/** Where it is looked at, and the runs that it is about. */
function placesOf(one: Attention): readonly [path: string, runs: string] {
  const runs = (query: string) => `/runs?q=${encodeURIComponent(query)}`;
  switch (one.kind) {
    case "errors":
      return [`/errors/${one.fingerprint}`, runs(`error:${one.fingerprint} status:dead`)];
    case "queue":
      return [`/queues/${encodeURIComponent(one.queue)}`, runs(`queue:${one.queue} status:queued`)];
    case "schedule":
      return [`/schedules/${encodeURIComponent(one.schedule)}`, runs(`schedule:${one.schedule}`)];
    case "worker":
      return ["/workers", runs(`worker:${one.worker}`)];
    default:
      return ["/waiting", runs("status:waiting")];
  }
}
