import type { LogLine, LogPage } from "@millrace/core/api";
import { isFinal, type RunState } from "@millrace/core";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask } from "../../data/ask.ts";
import { writeJson } from "../../data/write-json.ts";
import { Refused, type Trouble } from "../../data/problem.ts";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { exactTime, inUtc } from "../../parts/moment.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
/** More lines are not kept in the page. */
const MOST = 20_000;

/** What the handler said, as it says it. */
export function RunLog({ id, state }: { id: string; state: RunState }) {
  const { lines, trouble, complete, reload } = useLines(id, !isFinal(state));
  const [least, setLeast] = useState("trace");
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    const from = LEVELS.indexOf(least);
    return lines.filter(
      ({ level, message }) =>
        LEVELS.indexOf(level) >= from && (wanted === "" || message.toLowerCase().includes(wanted)),
    );
  }, [lines, least, text]);
  useEffect(() => {
    if (follow) end.current?.scrollIntoView({ block: "end" });
  }, [shown, follow]);

  if (trouble && lines.length === 0) return <TroublePanel trouble={trouble} onRetry={reload} />;
  if (!complete && lines.length === 0) return <Loading what="log" rows={4} />;
  return (
    <>
      <div class="row log-tools">
        <label>
          Level{" "}
          <select value={least} onChange={(event) => setLeast(event.currentTarget.value)}>
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {level === "trace" ? "all" : `${level} and above`}
              </option>
            ))}
          </select>
        </label>
        <input
          type="text"
          aria-label="Find in the log"
          placeholder="Find"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label class="tick">
          <input
            type="checkbox"
            checked={follow}
            onChange={(event) => setFollow(event.currentTarget.checked)}
          />
          Follow
        </label>
        <span class="muted">
          {shown.length === lines.length ? lines.length : `${shown.length} of ${lines.length}`}{" "}
          lines
        </span>
      </div>
      {lines.length === 0 ? (
        <p class="muted">
          The handler has said nothing yet: <code>ctx.log.info("…")</code> says something.
        </p>
      ) : (
        <div class="log" role="log" aria-label="Log" tabIndex={0}>
          {shown.map((line) => (
            <Line key={line.seq} line={line} />
          ))}
          <div ref={end} />
        </div>
      )}
    </>
  );
}

function Line({ line: { seq, at, level, message, fields } }: { line: LogLine }) {
  const utc = inUtc.value;
  return (
    <div class={`line line-${level}`} id={`line-${seq}`}>
      <time dateTime={at}>{exactTime(at, utc).slice(11)}</time>{" "}
      <span class="level">{level.toUpperCase().padEnd(5)}</span> {message}
      {fields && <span class="muted"> {writeJson(fields).replaceAll(/\s+/g, " ")}</span>}
    </div>
  );
}

function useLines(id: string, grows: boolean) {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [trouble, setTrouble] = useState<Trouble>();
  const [complete, setComplete] = useState(false);
  const [asked, setAsked] = useState(0);
  const after = useRef(-1);
  useEffect(() => {
    const abort = new AbortController();
    const read = async () => {
      for (;;) {
        const path = `/api/v1/runs/${id}/logs?limit=1000&after=${after.current}`;
        const { data } = await ask<LogPage>(path, { signal: abort.signal });
        const page = data!.lines;
        if (page.length > 0) {
          after.current = page.at(-1)!.seq;
          setLines((old) => [...old, ...page].slice(-MOST));
        }
        setTrouble(undefined);
        if (data!.next === null) break;
      }
      setComplete(true);
      if (grows) timer = setTimeout(go, 1000);
    };
    const go = () =>
      void read().catch((error: unknown) => {
        if (abort.signal.aborted) return;
        if (!(error instanceof Refused)) throw error;
        setTrouble(error.trouble);
        timer = setTimeout(go, 5000);
      });
    let timer: ReturnType<typeof setTimeout> | undefined;
    go();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, grows, asked]);
  return { lines, trouble, complete, reload: () => setAsked((n) => n + 1) };
}
