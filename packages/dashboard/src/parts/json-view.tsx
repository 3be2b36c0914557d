import { useMemo } from "preact/hooks";
import { writeJson } from "../data/write-json.ts";
import { CopyButton } from "./copy-button.tsx";

/** So much is shown at once; all of it is copied. */
const MOST = 200_000;

/** JSON as it was written, numbers to the last digit. */
export function JsonView({ value, what }: { value: unknown; what: string }) {
  const text = useMemo(() => writeJson(value), [value]);
  const cut = text.length > MOST;
  return (
    <div class="json">
      <div class="json-tools">
        <CopyButton text={text} what={what} />
      </div>
      <pre tabIndex={0} role="region" aria-label={what}>
        {coloured(cut ? text.slice(0, MOST) : text)}
      </pre>
      {cut && (
        <p class="muted">
          The first {MOST.toLocaleString("en")} of {text.length.toLocaleString("en")} characters are
          shown; all of them are copied.
        </p>
      )}
    </div>
  );
}

/** More pieces would make the page slow; what is longer is shown in one colour. */
const MOST_COLOURED = 20_000;

function coloured(text: string) {
  if (text.length > MOST_COLOURED) return text;
  const parts = text.split(/("(?:[^"\\]|\\.)*")(?=:)/g);
  return parts.map((part, index) =>
    index % 2 === 1 ? (
      <span class="json-key" key={index}>
        {part}
      </span>
    ) : (
      part
    ),
  );
}
