import type { LogLine } from "@millrace/core/api";
import { isFinal, type RunState } from "@millrace/core";
import { useMemo, useState } from "preact/hooks";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { place } from "../../routing/router.ts";
import { LogLines } from "./log-lines.tsx";
import { useLogLines } from "./use-log-lines.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

/** What the handler said, as it says it. */
export function RunLog({ id, state }: { id: string; state: RunState }) {
  const { lines, trouble, complete, reload } = useLogLines(id, !isFinal(state));
  const [least, setLeast] = useState("trace");
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(false);
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    const from = LEVELS.indexOf(least);
    return lines.filter(
      (line) => LEVELS.indexOf(line.level) >= from && (wanted === "" || says(line, wanted)),
    );
  }, [lines, least, text]);
  const asked = place.value.query.get("line");
  const named = asked === null ? undefined : Number(asked);

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
          {shown.length === lines.length
            ? lines.length.toLocaleString("en")
            : `${shown.length.toLocaleString("en")} of ${lines.length.toLocaleString("en")}`}{" "}
          lines
        </span>
      </div>
      {lines.length === 0 ? (
        <p class="muted">
          The handler has said nothing yet: <code>ctx.log.info("…")</code> says something.
        </p>
      ) : (
        <LogLines key={`${least} ${text}`} {...{ named, follow }} lines={shown} />
      )}
    </>
  );
}

/** As the API's `q`: in the message, the fields or the name of the step. */
function says({ message, step, fields }: LogLine, wanted: string): boolean {
  return [message, step ?? "", fields ? JSON.stringify(fields) : ""].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}
