import type { EndpointInfo, SubscriptionInfo } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";

const PATH = "/api/v1/webhooks";
const CHANGES = [PATH, "/api/v1/audit"];

/** Webhooks in and out: what starts what, what is told, and what is switched off. */
export function WebhooksTab() {
  const shown = useResource<{ endpoints: EndpointInfo[]; subscriptions: SubscriptionInfo[] }>(PATH);
  return (
    <Given shown={shown} what="webhooks">
      {({ endpoints, subscriptions }) =>
        endpoints.length + subscriptions.length === 0 ? (
          <Empty
            title="No webhook yet"
            command="millrace webhooks send ops https://example.com/hook --event run.failed"
          />
        ) : (
          <>
            <section class="section">
              <h2>In: they start jobs</h2>
              <ul class="entries">
                {endpoints.map((one) => (
                  <EndpointEntry key={one.name} endpoint={one} />
                ))}
              </ul>
            </section>
            <section class="section">
              <h2>Out: they are told</h2>
              <ul class="entries">
                {subscriptions.map((one) => (
                  <SubscriptionEntry key={one.name} subscription={one} />
                ))}
              </ul>
            </section>
          </>
        )
      }
    </Given>
  );
}

async function set(path: string, body: object, said: string): Promise<void> {
  const result = await act(path, { method: "PUT", body }, CHANGES);
  if (result.ok) toast(said);
  else toast(result.trouble.detail, "bad");
}

function EndpointEntry({ endpoint }: { endpoint: EndpointInfo }) {
  const { name, path, scheme, job, secrets, enabled, changedAt, changedBy } = endpoint;
  const at = `${PATH}/endpoints/${encodeURIComponent(name)}`;
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name}</span> <code>{path}</code> starts{" "}
        <a href={`/jobs/${encodeURIComponent(job)}`}>{job}</a>
        <p class="muted">
          signed as {scheme} does, under {secrets.map((one) => one.name).join(", ")} · changed by{" "}
          {changedBy.replace(/^person:/, "")} <Ago at={changedAt} />
        </p>
      </div>
      <div class="entry-side">{enabled ? "on" : <span class="wrong">off</span>}</div>
      <div class="entry-acts">
        <ActionButton
          permission="edit"
          onPress={() =>
            void set(
              at,
              { enabled: !enabled },
              `${name} is ${enabled ? "off: it is refused" : "on"}`,
            )
          }
        >
          {enabled ? "Switch off" : "Switch on"}
        </ActionButton>
      </div>
    </li>
  );
}

function SubscriptionEntry({ subscription }: { subscription: SubscriptionInfo }) {
  const { name, url, events, job, enabled, disabledReason, changedAt, changedBy } = subscription;
  const at = `${PATH}/subscriptions/${encodeURIComponent(name)}`;
  const test = async () => {
    const result = await act(`${at}/test`, {}, CHANGES);
    if (result.ok) toast(`A test is on its way to ${name}`);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name}</span> {url}
        <p class="muted">
          {events.join(", ")} {job !== null && `of ${job}`} · changed by{" "}
          {changedBy.replace(/^person:/, "")} <Ago at={changedAt} />
        </p>
        {disabledReason !== null && <p class="wrong">{disabledReason}</p>}
      </div>
      <div class="entry-side">{enabled ? "on" : <span class="wrong">off</span>}</div>
      <div class="entry-acts">
        <ActionButton
          permission="operate"
          why={enabled ? undefined : "It is off"}
          onPress={() => void test()}
        >
          Send a test
        </ActionButton>
        <ActionButton
          permission="edit"
          onPress={() =>
            void set(at, { enabled: !enabled }, `${name} is ${enabled ? "off" : "on"}`)
          }
        >
          {enabled ? "Switch off" : "Switch on"}
        </ActionButton>
      </div>
    </li>
  );
}
