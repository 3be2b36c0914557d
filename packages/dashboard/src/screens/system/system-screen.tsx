import type { WorkerInfo } from "@millrace/core/api";
import { tick, useLiveTick } from "../../data/live.ts";
import { useResource } from "../../data/resource.ts";
import { Icon } from "../../design/icon.tsx";
import { Given, Loading } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Page } from "../../parts/page.tsx";
import { Words } from "../../parts/words.tsx";
import { CheckupSection } from "./checkup-section.tsx";
import { useHealth } from "./use-health.ts";
import "../../design/entries.css";

/** Whether this installation does its work: what the server checks, which versions run, and what looking at it costs. */
export function SystemScreen() {
  const shown = useResource<{ workers: WorkerInfo[] }>("/api/v1/workers");
  return (
    <Page
      title="System"
      actions={
        <CopyAs request={{ path: "/api/v1/doctor" }} cli={"millrace doctor\nmillrace health"} />
      }
    >
      <CheckupSection />
      <div class="halves">
        <Checks title="Accepts and starts runs" path="/readyz" />
        <Checks title="This process does its work" path="/healthz" />
      </div>
      <section class="section">
        <h2>Versions that work</h2>
        <Given shown={shown} what="workers" rows={2}>
          {({ workers }) => <Versions workers={workers} />}
        </Given>
      </section>
      <Cost />
    </Page>
  );
}

function Checks({ title, path }: { title: string; path: string }) {
  const health = useHealth(path);
  return (
    <section class="section">
      <h2>{title}</h2>
      {!health && <Loading what={title} rows={2} />}
      {health && (
        <>
          <p>
            <span class={health.ok ? "state-succeeded" : "state-failed"}>
              <Icon name={health.ok ? "completed" : "failed"} /> {health.ok ? "Yes" : "No"}
            </span>{" "}
            <code class="muted">{path}</code>
          </p>
          <ul class="plain">
            {Object.entries(health.checks).map(([name, words]) => (
              <li key={name}>
                <strong>{name}</strong>{" "}
                <span class={/^ok\b/.test(words) ? "muted" : undefined}>
                  <Words text={words} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Versions({ workers }: { workers: readonly WorkerInfo[] }) {
  const alive = workers.filter(({ state }) => state === "active" || state === "draining");
  if (alive.length === 0) return <p class="muted">No worker is alive.</p>;
  const byVersion = Map.groupBy(alive, ({ version }) => version);
  return (
    <ul class="plain">
      {[...byVersion].map(([version, those]) => (
        <li key={version}>
          <code>{version}</code>{" "}
          <a href="/workers">{those.length === 1 ? "1 worker" : `${those.length} workers`}</a>
        </li>
      ))}
    </ul>
  );
}

/** What this page and all others like it cost the database. */
function Cost() {
  useLiveTick();
  const told = tick.value;
  const cost = told?.cost;
  return (
    <section class="section">
      <h2>What watching costs</h2>
      {!told && <p class="muted">Nothing is streamed: the pages ask every few seconds.</p>}
      {told && !cost && <p class="muted">It is told to who may see the whole installation.</p>}
      {told && cost && (
        <dl class="facts">
          <div>
            <dt>Queries</dt>
            <dd>{cost.queriesPerSecond.toFixed(1)} a second</dd>
          </div>
          <div>
            <dt>Of one connection’s time</dt>
            <dd>{(cost.databaseShare * 100).toFixed(2)} %</dd>
          </div>
          <div>
            <dt>Tabs that watch</dt>
            <dd>{cost.watchers}</dd>
          </div>
          <div>
            <dt>Told</dt>
            <dd>each {lengthInWords(told.everyMs)}</dd>
          </div>
        </dl>
      )}
    </section>
  );
}
