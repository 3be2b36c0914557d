import type { Operation, OperationPage } from "@millrace/core/api";
import { Empty } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Pages } from "../../parts/pages.tsx";
import { Ago } from "../../parts/time.tsx";
import { OperationState, Progress } from "./operation-state.tsx";
import { filterInWords, isOver, titleOf } from "./operation-words.ts";
import "../../design/entries.css";
import "./bulk.css";

/** What acts on many runs at once: all of it, newest first. */
export function BulkScreen() {
  const path = "/api/v1/operations?limit=50";
  return (
    <Page title="Operations" actions={<CopyAs request={{ path }} cli="millrace operations" />}>
      <Pages<OperationPage>
        what="operations"
        pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
        next={(page) => page.nextCursor}
      >
        {({ operations }, isFirst) =>
          operations.length === 0 && isFirst ? (
            <Empty title="No operation yet">
              <p>
                Rerunning or dismissing a group of <a href="/dead">dead letters</a> is one, and so
                is the backfill of a <a href="/schedules">schedule</a>: it goes on by itself,
                whatever becomes of this page.
              </p>
            </Empty>
          ) : (
            <ul class="entries">
              {operations.map((operation) => (
                <Entry key={operation.id} operation={operation} />
              ))}
            </ul>
          )
        }
      </Pages>
    </Page>
  );
}

function Entry({ operation }: { operation: Operation }) {
  const { id, createdBy, createdAt, handled, total, reason } = operation;
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={`/bulk/${id}`}>
          {titleOf(operation)}
        </a>{" "}
        <span class="muted">{filterInWords(operation)}</span>
        {!isOver(operation) && <Progress operation={operation} />}
        <p class="muted">
          {id} · by {createdBy.replace(/^person:/, "")} <Ago at={createdAt} />
          {reason && ` · ${reason}`}
        </p>
      </div>
      <div class="entry-side">
        <OperationState operation={operation} />
        <p class="muted">
          {handled.toLocaleString("en")} of {total.toLocaleString("en")}
        </p>
      </div>
    </li>
  );
}
