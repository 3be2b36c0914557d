import { LOG_LEVELS, type RunState, isFinal } from "@millrace/core";
import type { LogLine } from "@millrace/core/api";
import { useMemo, useState } from "preact/hooks";
import { Loading, TroublePanel } from "../../parts/conditions.tsx";
import { copy } from "../../parts/copy-button.tsx";
import { place } from "../../routing/router.ts";
import { useKeys } from "../../shell/keyboard.ts";
import { LogLines } from "./log-lines.tsx";
import { useLog } from "./log-reader.ts";
import { lineText } from "./log-row.tsx";

/** What the handler said, as it says it. */
export function RunLog({ id, state }: { id: string; state: RunState }) {
  const reader = useLog(id, !isFinal(state));
  const [least, setLeast] = useState<string>(LOG_LEVELS[0]);
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(false);
  const [isFolded, setFolded] = useState(true);
  useMemo(() => reader.want({ least, text }), [reader, least, text]);
  useKeys({
    ...Object.fromEntries(LOG_LEVELS.map((level, n) => [String(n + 1), () => setLeast(level)])),
    f: () => setFollow(!follow),
  });
  const { all, found } = reader.lines;
  const asked = place.value.query.get("line");
  const named = asked === null ? undefined : Number(asked);

  if (all.length === 0) {
    if (reader.trouble) return <TroublePanel trouble={reader.trouble} onRetry={reader.retry} />;
    if (!reader.complete) return <Loading what="log" rows={4} />;
  }
  return (
    <>
      <div class="row log-tools">
        <label>
          Level{" "}
          <select value={least} onChange={(event) => setLeast(event.currentTarget.value)}>
            {LOG_LEVELS.map((level, n) => (
              <option key={level} value={level}>
                {levelInWords(level)} ({n + 1})
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
        <label class="tick">
          <input
            type="checkbox"
            checked={isFolded}
            onChange={(event) => setFolded(event.currentTarget.checked)}
          />
          Fold
        </label>
        <button
          type="button"
          title="What is selected, or else all lines that are shown"
          // What is selected stays so.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => void copyLines(found)}
        >
          Copy
        </button>
        <span class="muted">
          {found.length === all.length
            ? all.length.toLocaleString("en")
            : `${found.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}`}{" "}
          lines
        </span>
      </div>
      {all.length === 0 ? (
        <p class="muted">
          The handler has said nothing yet: <code>ctx.log.info("…")</code> says something.
        </p>
      ) : (
        <LogLines
          key={`${least} ${text}`}
          {...{ named, follow, isFolded }}
          lines={found}
          isCalm={reader.isCalm}
          onLeave={() => setFollow(false)}
        />
      )}
    </>
  );
}

function levelInWords(level: string): string {
  if (level === LOG_LEVELS[0]) return "all";
  return level === LOG_LEVELS.at(-1) ? level : `${level} and above`;
}

/** What is selected of the log, or else all of these. */
function copyLines(lines: readonly LogLine[]): Promise<void> {
  const selection = getSelection();
  const log = document.querySelector(".log");
  const chosen = log && selection?.containsNode(log, true) ? String(selection) : "";
  if (chosen.trim() !== "") return copy(chosen, "what is selected");
  return copy(lines.map(lineText).join("\n"), `${lines.length.toLocaleString("en")} lines`);
}
