import type { IncidentPage } from "@millrace/core/api";
import { Empty } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Pages } from "../../parts/pages.tsx";
import { Ago, At } from "../../parts/time.tsx";
import "../../design/entries.css";

/** What was kept of times in which something went wrong, newest first. */
export function IncidentsScreen() {
  const path = "/api/v1/incidents?limit=50";
  return (
    <Page title="Incidents" actions={<CopyAs request={{ path }} cli="millrace incidents" />}>
      <Pages<IncidentPage>
        what="incidents"
        pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
        next={(page) => page.nextCursor}
      >
        {({ incidents }, isFirst) =>
          incidents.length === 0 && isFirst ? (
            <Empty title="No incident yet" command="millrace incidents new 'What happened'">
              <p>
                Share on <a href="/">Home</a>, on the list of <a href="/runs">runs</a> and on a
                group of <a href="/errors">errors</a> keeps what you see as it is then, under a
                short address, with notes.
              </p>
            </Empty>
          ) : (
            <ul class="entries">
              {incidents.map(({ slug, title, query, from, to, by, createdAt, notes }) => (
                <li key={slug}>
                  <div class="entry-main">
                    <a class="entry-name" href={`/i/${slug}`}>
                      {title}
                    </a>
                    <p class="muted">
                      <At at={from} /> to <At at={to} />
                      {query !== null && (
                        <>
                          {" · "}
                          <code>{query}</code>
                        </>
                      )}
                    </p>
                  </div>
                  <div class="entry-side muted">
                    by {by.replace(/^person:/, "")} <Ago at={createdAt} />
                    <p>{notes === 1 ? "1 note" : `${notes} notes`}</p>
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Pages>
    </Page>
  );
}
