import type { ErrorGroup, ErrorGroupPage } from "@millrace/core/api";
import { Icon } from "../../design/icon.tsx";
import { Empty } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Pages } from "../../parts/pages.tsx";
import { Ago } from "../../parts/time.tsx";
import { place, withQuery } from "../../routing/router.ts";
import { comingInWords } from "./coming-in-words.ts";
import "../../design/entries.css";

const STATES = ["open", "snoozed", "fixed", "all"] as const;
const SORTS = [
  ["recent", "latest first"],
  ["rate", "what grows first"],
  ["count", "most frequent first"],
] as const;

/** What runs fail with, by what one would mend together. */
export function ErrorsScreen() {
  const { query } = place.value;
  const state = STATES.find((one) => one === query.get("state")) ?? "open";
  const sort = SORTS.find(([one]) => one === query.get("sort"))?.[0] ?? "recent";
  const path = `/api/v1/errors?state=${state}&sort=${sort}&limit=50`;
  return (
    <Page title="Errors" actions={<CopyAs request={{ path }} cli="millrace dead groups" />}>
      <div class="row">
        <nav class="chips" aria-label="States">
          {STATES.map((one) => (
            <a
              key={one}
              class="chip"
              href={withQuery({ state: one === "open" ? undefined : one })}
              aria-current={one === state ? "true" : undefined}
            >
              {one === "all" ? "All" : WORDS[one]}
            </a>
          ))}
        </nav>
        <nav class="chips" aria-label="Order">
          {SORTS.map(([one, words]) => (
            <a
              key={one}
              class="chip"
              href={withQuery({ sort: one === "recent" ? undefined : one })}
              aria-current={one === sort ? "true" : undefined}
            >
              {words}
            </a>
          ))}
        </nav>
      </div>
      <Pages<ErrorGroupPage>
        key={path}
        what="errors"
        pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
        next={(page) => page.nextCursor}
      >
        {({ groups }, isFirst) =>
          groups.length === 0 && isFirst ? (
            <NoErrors state={state} />
          ) : (
            <ul class="entries">
              {groups.map((group) => (
                <GroupEntry key={group.fingerprint} group={group} />
              ))}
            </ul>
          )
        }
      </Pages>
    </Page>
  );
}

export const WORDS: Record<ErrorGroup["state"], string> = {
  open: "Open",
  snoozed: "Snoozed",
  fixed: "Fixed",
};

function GroupEntry({ group }: { group: ErrorGroup }) {
  const { fingerprint, errorClass, message, count, jobs, firstSeen, lastSeen } = group;
  const { state, assignedTo, reopenedAt } = group;
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={`/errors/${fingerprint}`}>
          <Icon name="failed" /> {errorClass}
        </a>{" "}
        {message}
        <p class="muted">
          {jobs.join(", ")} · last <Ago at={lastSeen} /> · first <Ago at={firstSeen} />
          {state !== "open" && ` · ${WORDS[state].toLowerCase()}`}
          {reopenedAt && state === "open" && (
            <strong>
              {" "}
              · it came again <Ago at={reopenedAt} />
            </strong>
          )}
          {assignedTo && ` · ${assignedTo.replace(/^person:/, "")} looks after it`}
        </p>
      </div>
      <div class="entry-side">
        <span class="number">{count.toLocaleString("en")}</span>
        <p class="muted">{comingInWords(group)}</p>
      </div>
    </li>
  );
}

function NoErrors({ state }: { state: (typeof STATES)[number] }) {
  if (state === "snoozed" || state === "fixed") {
    return <Empty title={`No group is ${state}`} />;
  }
  return (
    <Empty title="No errors">
      <p>
        A run that fails for good is counted here within some seconds, with all that fail alike.
      </p>
    </Empty>
  );
}
