import type { DeadLetter, DeadLetterGroup, DeadLetterPage } from "@millrace/core/api";
import type { Shown } from "../../data/resource.ts";
import { counted } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Pages } from "../../parts/pages.tsx";
import { Ago } from "../../parts/time.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import type { Chosen } from "./chosen.ts";
import type { Groups } from "./dead-screen.tsx";
import { DismissGroup, DismissOne } from "./dismiss-dialogs.tsx";
import { RerunGroup } from "./rerun-group.tsx";
import { RerunOne } from "./rerun-one.tsx";

/** One group: what can be done with all of it, and each run that is in it. */
export function DeadGroup({ chosen, groups }: { chosen: Chosen; groups: Shown<Groups> }) {
  const { query } = place.value;
  const group = groups.data?.groups.find((one) => isChosen(one, chosen));
  const gone = groups.data !== undefined && !group;
  const show = (what?: string, letter?: string) => go(withQuery({ do: what, letter }), "replace");
  const open = query.get("do");
  const letter = query.get("letter");
  const count = group?.count ?? 0;
  const none = group ? undefined : "There is nothing left in it";
  const name =
    group?.errorClass ?? ("errorClass" in chosen ? chosen.errorClass : chosen.fingerprint);
  const path = `/api/v1/dead-letters?${new URLSearchParams({ ...chosen, limit: "50" })}`;
  return (
    <Page
      title={name}
      actions={
        <>
          <ActionButton
            permission="operate"
            kind="primary"
            why={none}
            onPress={() => show("rerun")}
          >
            Rerun all {count.toLocaleString("en")}
          </ActionButton>
          <ActionButton
            permission="operate"
            kind="danger"
            why={none}
            onPress={() => show("dismiss")}
          >
            Dismiss all {count.toLocaleString("en")}
          </ActionButton>
          <CopyAs request={{ path }} cli={`millrace dead ${flagOf(chosen)}`} />
        </>
      }
    >
      <p class="above">
        <a href="/dead">All dead letters</a>
        {"fingerprint" in chosen && (
          <>
            {" "}
            · <a href={`/errors/${chosen.fingerprint}`}>Why it fails: what they have in common</a>
          </>
        )}
      </p>
      {group && <GroupFacts group={group} />}
      {gone ? (
        <Empty title="All are handled">
          <p>Each was rerun, or somebody has said that it needs nothing more.</p>
        </Empty>
      ) : (
        <Pages<DeadLetterPage>
          what="dead letters"
          pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
          next={(page) => page.nextCursor}
        >
          {({ deadLetters }) => (
            <ul class="entries">
              {deadLetters.map((one) => (
                <LetterEntry key={one.runId} letter={one} onAct={(what) => show(what, one.runId)} />
              ))}
            </ul>
          )}
        </Pages>
      )}
      {letter && open === "rerun" && <RerunOne runId={letter} onClose={() => show()} />}
      {letter && open === "dismiss" && <DismissOne runId={letter} onClose={() => show()} />}
      {group && !letter && open === "rerun" && (
        <RerunGroup
          {...{ chosen, count: group.count, errorClass: group.errorClass }}
          onClose={() => show()}
        />
      )}
      {group && !letter && open === "dismiss" && (
        <DismissGroup {...{ chosen, group }} onClose={() => show()} />
      )}
    </Page>
  );
}

function isChosen({ fingerprint, errorClass }: DeadLetterGroup, chosen: Chosen): boolean {
  return "fingerprint" in chosen
    ? fingerprint === chosen.fingerprint
    : fingerprint === null && errorClass === chosen.errorClass;
}

function flagOf(chosen: Chosen): string {
  return "fingerprint" in chosen
    ? `--fingerprint ${chosen.fingerprint}`
    : `--class ${JSON.stringify(chosen.errorClass)}`;
}

function GroupFacts({ group }: { group: DeadLetterGroup }) {
  return (
    <>
      <section class="why bad">
        <p class="said">{group.sample.message}</p>
      </section>
      <dl class="facts">
        <div>
          <dt>Not handled</dt>
          <dd>{counted(group.count, "run")}</dd>
        </div>
        <div>
          <dt>Last</dt>
          <dd>
            <Ago at={group.lastSeen} />
          </dd>
        </div>
        <div>
          <dt>First</dt>
          <dd>
            <Ago at={group.firstSeen} />
          </dd>
        </div>
        <div>
          <dt>Jobs</dt>
          <dd>{group.jobs.join(", ")}</dd>
        </div>
      </dl>
    </>
  );
}

function LetterEntry({
  letter: { runId, job, queue, failedAt, error },
  onAct,
}: {
  letter: DeadLetter;
  onAct: (what: "rerun" | "dismiss") => void;
}) {
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={`/runs/${runId}`}>
          {job}
        </a>{" "}
        <code class="muted">{runId.slice(-8)}</code> {error.message}
        <p class="muted">
          failed <Ago at={failedAt} /> · queue {queue}
        </p>
      </div>
      <div class="entry-acts">
        <ActionButton permission="operate" onPress={() => onAct("rerun")}>
          Edit and rerun…
        </ActionButton>
        <ActionButton permission="operate" onPress={() => onAct("dismiss")}>
          Dismiss…
        </ActionButton>
      </div>
    </li>
  );
}
