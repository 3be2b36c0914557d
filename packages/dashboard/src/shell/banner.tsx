import { Icon } from "../design/icon.tsx";
import { lastContact, silentSince } from "../data/ask.ts";
import { lengthInWords, now } from "../parts/moment.ts";

/** So long a server may say nothing before it is worth a word. */
const PATIENCE_MS = 3000;
const SILENT = "The server does not answer; trying again";

/** Says that what is shown is old, and since when. */
export function Banner() {
  const since = silentSince.value;
  if (since === undefined || now.value - since < PATIENCE_MS) return null;
  const last = lastContact.value;
  return (
    <p class="stale banner" role="status">
      <Icon name="warning" />{" "}
      {last === undefined ? (
        SILENT
      ) : (
        <>
          {/* Read aloud once, and not each second anew. */}
          <span class="unseen">{SILENT}</span>
          <span aria-hidden="true">
            Last update {lengthInWords(now.value - last)} ago, reconnecting
          </span>
        </>
      )}
    </p>
  );
}
