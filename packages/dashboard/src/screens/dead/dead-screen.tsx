import type { DeadLetterGroup } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Icon } from "../../design/icon.tsx";
import { counted } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Ago } from "../../parts/time.tsx";
import { go, place } from "../../routing/router.ts";
import { DeadGroup } from "./dead-group.tsx";
import { type Chosen, chosenBy, linkOf } from "./chosen.ts";
import "../../design/entries.css";

export interface Groups {
  groups: DeadLetterGroup[];
  complete: boolean;
}

/** Failed runs that nobody has handled, by what one would mend together. One group stands in the address. */
export function DeadScreen() {
  const { query } = place.value;
  const chosen = chosenBy(query);
  const narrow = new URLSearchParams({ limit: "200" });
  for (const name of ["job", "queue"]) {
    const value = query.get(name);
    if (value) narrow.set(name, value);
  }
  const path = `/api/v1/dead-letters/groups?${narrow}`;
  const shown = useResource<Groups>(path);
  if (chosen) return <DeadGroup chosen={chosen} groups={shown} />;
  return (
    <Page title="Dead letters" actions={<CopyAs request={{ path }} cli="millrace dead groups" />}>
      <Given shown={shown} what="dead letters">
        {(found) => <GroupList {...found} narrowed={narrow.has("job") || narrow.has("queue")} />}
      </Given>
    </Page>
  );
}

function GroupList({ groups, complete, narrowed }: Groups & { narrowed: boolean }) {
  if (groups.length === 0) {
    return narrowed ? (
      <Empty title="None of that job or queue">
        <a href="/dead">Show all dead letters</a>
      </Empty>
    ) : (
      <Empty title="No dead letters">
        <p>
          A run that failed for the last time comes here, and stays until somebody reruns it or says
          that it needs nothing more.
        </p>
      </Empty>
    );
  }
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  return (
    <>
      <p class="muted list-head">
        {counted(total, "failed run")} in {counted(groups.length, "group")}: those of a group would
        be mended together
        {!complete && ". Only the newest 200,000 are counted"}
      </p>
      <ul class="entries">
        {groups.map((group) => (
          <GroupEntry key={`${group.fingerprint} ${group.errorClass}`} group={group} />
        ))}
      </ul>
    </>
  );
}

function GroupEntry({ group }: { group: DeadLetterGroup }) {
  const { fingerprint, errorClass, count, jobs, firstSeen, lastSeen, sample } = group;
  const chosen: Chosen = fingerprint === null ? { errorClass } : { fingerprint };
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={linkOf(chosen)}>
          <Icon name="dead" /> {errorClass}
        </a>{" "}
        {sample.message}
        <p class="muted">
          {jobs.join(", ")} · last <Ago at={lastSeen} /> · first <Ago at={firstSeen} />
        </p>
      </div>
      <div class="entry-side">
        <span class="number">{count.toLocaleString("en")}</span>
      </div>
      <div class="entry-acts">
        <ActionButton permission="operate" onPress={() => go(linkOf(chosen, "rerun"))}>
          Rerun {count.toLocaleString("en")}…
        </ActionButton>
        <ActionButton permission="operate" onPress={() => go(linkOf(chosen, "dismiss"))}>
          Dismiss {count.toLocaleString("en")}…
        </ActionButton>
      </div>
    </li>
  );
}
