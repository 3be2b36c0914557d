import type { ApprovalPage, DoubtPage } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Empty, Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Pages } from "../../parts/pages.tsx";
import { ApprovalEntry } from "./approval-entry.tsx";
import { DoubtEntry } from "./doubt-entry.tsx";
import "../../design/entries.css";

const APPROVALS = "/api/v1/approvals?limit=50";
const DOUBTS = "/api/v1/doubts?limit=50";

/** What only a person can answer: questions of runs, and whether an effect happened. */
export function WaitingScreen() {
  const approvals = useResource<ApprovalPage>(APPROVALS);
  const doubts = useResource<DoubtPage>(DOUBTS);
  return (
    <Page
      title="Waiting for you"
      actions={<CopyAs request={{ path: APPROVALS }} cli={"millrace approvals\nmillrace doubts"} />}
    >
      <Given shown={approvals} what="approvals">
        {(first) => (
          <Given shown={doubts} what="effects in doubt">
            {(firstDoubts) =>
              first.approvals.length + firstDoubts.doubts.length === 0 ? (
                <NothingWaits />
              ) : (
                <>
                  {firstDoubts.doubts.length > 0 && <Doubts />}
                  {first.approvals.length > 0 && <Approvals />}
                </>
              )
            }
          </Given>
        )}
      </Given>
    </Page>
  );
}

function Approvals() {
  return (
    <section class="section">
      <h2>Approvals</h2>
      <Pages<ApprovalPage>
        what="approvals"
        pathOf={(cursor) => (cursor ? `${APPROVALS}&cursor=${cursor}` : APPROVALS)}
        next={(page) => page.nextCursor}
      >
        {(page) => (
          <ul class="entries">
            {page.approvals.map((one) => (
              <ApprovalEntry key={`${one.runId} ${one.name} ${one.ordinal}`} approval={one} />
            ))}
          </ul>
        )}
      </Pages>
    </section>
  );
}

function Doubts() {
  return (
    <section class="section">
      <h2>Effects in doubt</h2>
      <p class="muted above">
        A worker began these and did not come to say how they ended. Look on the other side, by the
        key, before you answer.
      </p>
      <Pages<DoubtPage>
        what="effects in doubt"
        pathOf={(cursor) => (cursor ? `${DOUBTS}&cursor=${cursor}` : DOUBTS)}
        next={(page) => page.nextCursor}
      >
        {(page) => (
          <ul class="entries">
            {page.doubts.map((one) => (
              <DoubtEntry key={`${one.runId} ${one.name} ${one.ordinal}`} doubt={one} />
            ))}
          </ul>
        )}
      </Pages>
    </section>
  );
}

function NothingWaits() {
  return (
    <Empty title="Nothing waits for a person">
      <p>
        A workflow that asks with <code>step.approval</code> waits here for its answer, and one that
        cannot know whether an effect happened, for somebody who finds out.
      </p>
    </Empty>
  );
}
