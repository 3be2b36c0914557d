import type { LogLine } from "@millrace/core/api";
import { useEffect, useRef, useState } from "preact/hooks";
import { writeJson } from "../../data/write-json.ts";
import { exactTime, inUtc } from "../../parts/moment.ts";
import { withQuery } from "../../routing/router.ts";
import { terminalText } from "./terminal-text.ts";

/** So many lines are drawn at once, and more on each side when somebody wants them. */
const PAGE = 1000;

/**
 * Lines of a log: those around the one that the address names, or the first; the last while they are followed.
 *
 * @param named the number of the line that the address names
 */
export function LogLines({
  lines,
  named,
  follow,
}: {
  lines: readonly LogLine[];
  named: number | undefined;
  follow: boolean;
}) {
  const element = useRef<HTMLDivElement>(null);
  const [more, setMore] = useState({ before: 0, after: 0 });
  const place = lines.findIndex(({ seq }) => seq === named);
  const middle = follow ? lines.length : Math.max(0, place - PAGE / 2);
  const from = Math.max(0, (follow ? middle - PAGE : middle) - more.before);
  const to = Math.min(lines.length, (follow ? middle : middle + PAGE) + more.after);
  useEffect(() => {
    const log = element.current!;
    if (follow) log.scrollTop = log.scrollHeight;
  }, [lines, follow]);
  useEffect(() => {
    if (place >= 0) document.getElementById(`line-${named}`)?.scrollIntoView({ block: "center" });
  }, [named, place >= 0]);
  return (
    <div ref={element} class="log" role="log" aria-label="Log" tabIndex={0}>
      {from > 0 && (
        <button
          type="button"
          class="link"
          onClick={() => setMore({ ...more, before: more.before + PAGE })}
        >
          {from.toLocaleString("en")} earlier lines: show {Math.min(PAGE, from)} of them
        </button>
      )}
      {lines.slice(from, to).map((line) => (
        <Line key={line.seq} line={line} isNamed={line.seq === named} />
      ))}
      {to < lines.length && (
        <button
          type="button"
          class="link"
          onClick={() => setMore({ ...more, after: more.after + PAGE })}
        >
          {(lines.length - to).toLocaleString("en")} later lines: show{" "}
          {Math.min(PAGE, lines.length - to)} of them
        </button>
      )}
    </div>
  );
}

function Line({
  line: { seq, at, level, message, fields },
  isNamed,
}: {
  line: LogLine;
  isNamed: boolean;
}) {
  const { text, wasStyled } = terminalText(message);
  return (
    <div class={`line line-${level}${isNamed ? " named" : ""}`} id={`line-${seq}`}>
      <a
        class="line-time"
        href={withQuery({ tab: undefined, line: String(seq) })}
        aria-current={isNamed ? "true" : undefined}
        title="A link to this line"
      >
        <time dateTime={at}>{exactTime(at, inUtc.value).slice(11)}</time>
      </a>{" "}
      <span class="level">{level.toUpperCase().padEnd(5)}</span> {text}
      {wasStyled && (
        <span class="muted" title="What tells a terminal its colours was left out">
          {" "}
          ▨<span class="unseen">colours left out</span>
        </span>
      )}
      {fields && <span class="muted"> {writeJson(fields).replaceAll(/\s+/g, " ")}</span>}
    </div>
  );
}
