import type { PayloadDiff } from "@millrace/core/api";
import { writeJson } from "../data/write-json.ts";

/** What of an input is different from that of a run that completed. */
export function PayloadChanges({ diff: { against, changes, more } }: { diff: PayloadDiff }) {
  const link = <a href={`/runs/${against}`}>the last that completed</a>;
  if (changes.length === 0) return <p class="muted">Its input is the same as that of {link}.</p>;
  return (
    <>
      <h3>Against the input of {link}</h3>
      <ul class="plain changes">
        {changes.map(({ path, kind, before, after }) => (
          <li key={path}>
            <code>{path === "" ? "all of it" : path}</code> {kind}
            {before !== undefined && (
              <>
                {" "}
                <del>{writeJson(before)}</del>
              </>
            )}
            {after !== undefined && (
              <>
                {" "}
                <ins>{writeJson(after)}</ins>
              </>
            )}
          </li>
        ))}
      </ul>
      {more && <p class="muted">There are more than 50 differences.</p>}
    </>
  );
}
