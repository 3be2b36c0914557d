import type { ErrorGroupDetail } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { PayloadChanges } from "../../parts/payload-changes.tsx";
import { Page } from "../../parts/page.tsx";
import { Share } from "../../parts/share.tsx";
import { Ago, At } from "../../parts/time.tsx";
import { rangeOf } from "../../routing/range.ts";
import { place } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { comingInWords } from "./coming-in-words.ts";
import { ErrorActions } from "./error-actions.tsx";
import { HourBars } from "./hour-bars.tsx";
import "../../design/entries.css";
import "./errors.css";

/** Why runs fail alike: since when, with which version, and what sets them apart from those that did not. */
export function ErrorScreen({ params: { fingerprint = "" } }: ScreenProps) {
  const path = `/api/v1/errors/${encodeURIComponent(fingerprint)}`;
  const shown = useResource<ErrorGroupDetail>(path, { everyMs: 15_000 });
  const group = shown.data;
  const range = rangeOf(place.value.query);
  return (
    <Page
      title={group?.errorClass ?? "Error group"}
      actions={
        <>
          {group && <ErrorActions group={group} path={path} />}
          {group && (
            <Share shared={{ errorGroup: { fingerprint, title: group.errorClass }, range }} />
          )}
          <CopyAs
            request={{ path }}
            cli={`millrace runs 'error:${fingerprint}'\nmillrace dead rerun --all --fingerprint ${fingerprint} --canary`}
          />
        </>
      }
    >
      <Given shown={shown} what="the error group">
        {(data) => <Detail group={data} />}
      </Given>
    </Page>
  );
}

function Detail({ group }: { group: ErrorGroupDetail }) {
  const { fingerprint, message, count, jobs, firstSeen, lastSeen, note } = group;
  return (
    <>
      <section class="why bad">
        <p class="said">{message}</p>
        <Standing group={group} />
      </section>
      <dl class="facts">
        <div>
          <dt>Failed runs</dt>
          <dd>
            <a href={`/runs?q=${encodeURIComponent(`error:${fingerprint}`)}`}>
              {count.toLocaleString("en")}
            </a>
            , {comingInWords(group)}
          </dd>
        </div>
        <div>
          <dt>Not handled</dt>
          <dd>
            <a href={`/dead?group=${fingerprint}`}>Dead letters of this group</a>
          </dd>
        </div>
        <div>
          <dt>Last</dt>
          <dd>
            <Ago at={lastSeen} />
          </dd>
        </div>
        <div>
          <dt>First</dt>
          <dd>
            <Ago at={firstSeen} />
          </dd>
        </div>
        <div>
          <dt>Jobs</dt>
          <dd>{jobs.join(", ")}</dd>
        </div>
        {note && (
          <div>
            <dt>Note</dt>
            <dd>“{note}”</dd>
          </div>
        )}
      </dl>
      <Common group={group} />
      <HourBars hours={group.hours} />
      <Versions group={group} />
      <Sample group={group} />
    </>
  );
}

function Standing({
  group: { state, snoozedUntil, fixed, reopenedAt, assignedTo, deployBefore, firstSeen },
}: {
  group: ErrorGroupDetail;
}) {
  return (
    <>
      {deployBefore && (
        <p>
          Version <code>{deployBefore.version}</code> of {deployBefore.job} was first seen{" "}
          <At at={deployBefore.at} />, and this <At at={firstSeen} />.
        </p>
      )}
      {state === "snoozed" && (
        <p>
          Snoozed until <At at={snoozedUntil} />.
        </p>
      )}
      {fixed && (
        <p>
          Said to be fixed{fixed.version && ` in version ${fixed.version}`} by{" "}
          {fixed.by.replace(/^person:/, "")} <Ago at={fixed.at} />.
        </p>
      )}
      {reopenedAt && state === "open" && (
        <p>
          <strong>
            It was said to be fixed, and came again <Ago at={reopenedAt} />.
          </strong>
        </p>
      )}
      {assignedTo && <p>{assignedTo.replace(/^person:/, "")} looks after it.</p>}
    </>
  );
}

function Common({ group: { common, commonOf } }: { group: ErrorGroupDetail }) {
  if (commonOf.failures === 0) return null;
  return (
    <section class="section">
      <h2>What they have in common</h2>
      {common.length === 0 ? (
        <p class="muted">
          {commonOf.successes === 0
            ? "No run of these jobs has completed lately: there is nothing to compare them with."
            : `Nothing sets them apart: ${commonOf.failures} that failed were compared with ${commonOf.successes} that completed.`}
        </p>
      ) : (
        <>
          <ul class="plain">
            {common.map(({ what, value, text }) => (
              <li key={`${what} ${value}`}>{text}</li>
            ))}
          </ul>
          <p class="muted">
            Of the newest {commonOf.failures} that failed and {commonOf.successes} that completed.
          </p>
        </>
      )}
    </section>
  );
}

function Versions({ group: { versions } }: { group: ErrorGroupDetail }) {
  if (versions.length === 0) return null;
  return (
    <section class="section">
      <h2>Versions</h2>
      <table class="stack">
        <thead>
          <tr>
            <th>Job</th>
            <th>Version</th>
            <th class="number-cell">Failed</th>
            <th>First</th>
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          {versions.map(({ job, version, count, firstSeen, lastSeen }) => (
            <tr key={`${job} ${version}`}>
              <td class="whole">{job}</td>
              <td data-label="Version">{version ?? <span class="muted">none</span>}</td>
              <td class="number-cell" data-label="Failed">
                {count.toLocaleString("en")}
              </td>
              <td data-label="First">
                <Ago at={firstSeen} />
              </td>
              <td data-label="Last">
                <Ago at={lastSeen} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Sample({ group: { sample, diff } }: { group: ErrorGroupDetail }) {
  if (!sample) return null;
  return (
    <section class="section">
      <h2>The newest</h2>
      <p>
        <a href={`/runs/${sample.run}`}>
          {sample.job} <code>{sample.run.slice(-8)}</code>
        </a>{" "}
        <span class="muted">
          failed <Ago at={sample.failedAt} />
        </span>
      </p>
      {sample.stack && (
        <pre tabIndex={0} role="region" aria-label="Stack">
          {sample.stack}
        </pre>
      )}
      <h3>Input</h3>
      <JsonView value={sample.input} what="Input" />
      {diff && <PayloadChanges diff={diff} />}
    </section>
  );
}
