import type { Incident, IncidentSnapshot } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Page } from "../../parts/page.tsx";
import { At } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { MinuteParts } from "../home/minute-parts.tsx";
import { OutcomeChart } from "../home/outcome-chart.tsx";
import { IncidentErrors } from "./incident-errors.tsx";
import { IncidentNotes } from "./incident-notes.tsx";
import { IncidentRuns } from "./incident-runs.tsx";
import "../../design/entries.css";

/** What was kept of a time, as it was then, and what people wrote to it. */
export function IncidentScreen({ params: { slug = "" } }: ScreenProps) {
  const path = `/api/v1/incidents/${encodeURIComponent(slug)}`;
  const shown = useResource<Incident>(path, { everyMs: 15_000 });
  const incident = shown.data?.slug === slug ? shown.data : undefined;
  return (
    <Page
      title={incident?.title ?? "Incident"}
      actions={
        <>
          {incident && <Actions incident={incident} path={path} />}
          <CopyAs request={{ path }} cli={`millrace incidents show ${slug} --markdown`} />
        </>
      }
    >
      <Given shown={shown} what="incident" rows={12}>
        {(data) => <Kept incident={data} path={path} />}
      </Given>
    </Page>
  );
}

function Actions({ incident, path }: { incident: Incident; path: string }) {
  const [removing, setRemoving] = useState(false);
  const { slug, title, mine } = incident;
  return (
    <>
      <a class="button" href={`${path}/markdown`} download={`incident-${slug}.md`}>
        Markdown
      </a>
      <ActionButton permission={mine ? "operate" : "administer"} onPress={() => setRemoving(true)}>
        Remove…
      </ActionButton>
      {removing && (
        <ActDialog<undefined>
          title={`Remove ${title}?`}
          verb="Remove it"
          kind="danger"
          permission={mine ? "operate" : "administer"}
          onClose={() => setRemoving(false)}
          run={() => act(path, { method: "DELETE" }, ["/api/v1/incidents"])}
          onDone={() => {
            toast(`${title} is removed`);
            go("/i", "replace");
          }}
        >
          <p>What it kept and what people wrote to it is gone then, for everybody.</p>
        </ActDialog>
      )}
    </>
  );
}

function Kept({ incident, path }: { incident: Incident; path: string }) {
  const { slug, query, from, to, by, createdAt, snapshot, notes } = incident;
  const { bars, deploys, minute } = snapshot;
  const address = `${location.origin}/i/${slug}`;
  const now = new URLSearchParams({ ...(query !== null && { q: query }), from, to });
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Time</dt>
          <dd>
            <At at={from} /> to <At at={to} />
          </dd>
        </div>
        <div>
          <dt>Kept</dt>
          <dd>
            <At at={createdAt} /> by {by.replace(/^person:/, "")}
          </dd>
        </div>
        <div>
          <dt>Address</dt>
          <dd>
            <code>{address}</code> <CopyButton text={address} what="address" />
          </dd>
        </div>
        <div>
          <dt>Now</dt>
          <dd>
            <a href={`/runs?${now}`}>The runs as they are now</a>
          </dd>
        </div>
      </dl>
      {query !== null && <Found query={query} found={snapshot.found} />}
      <IncidentNotes notes={notes} path={path} />
      <OutcomeChart
        overview={{ at: createdAt, bars, deploys }}
        at={minute ? Date.parse(minute.at) : undefined}
        still
      />
      <IncidentErrors snapshot={snapshot} />
      <IncidentRuns snapshot={snapshot} />
      {minute && (
        <section class="section">
          <h2>
            In the minute of <At at={minute.at} />
          </h2>
          <MinuteParts minute={minute} />
        </section>
      )}
    </>
  );
}

function Found({ query, found }: { query: string } & Pick<IncidentSnapshot, "found">) {
  return (
    <p class="above">
      <code>{query}</code>{" "}
      {found &&
        `found ${found.more || !found.complete ? "more than " : ""}${found.count.toLocaleString("en")} ${found.count === 1 ? "run" : "runs"} then.`}
    </p>
  );
}
