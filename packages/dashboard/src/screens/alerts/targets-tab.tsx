import type { AlertTargetInfo, NotificationInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { place, withQuery } from "../../routing/router.ts";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { TargetDialog } from "./target-dialog.tsx";
import { TargetLog } from "./target-log.tsx";
import { KINDS, pathOfTarget, TARGETS_PATH } from "./target-words.ts";

type Doing = { what: "add" } | { what: "edit" | "remove"; target: AlertTargetInfo };

/** Who is told of alerts by chat, mail or pager; webhooks have their own page. */
export function TargetsTab() {
  const shown = useResource<{ targets: AlertTargetInfo[] }>(TARGETS_PATH);
  const [doing, setDoing] = useState<Doing>();
  const close = () => setDoing(undefined);
  return (
    <>
      <div class="tools">
        <p class="muted">
          Who is told when a rule fires. <a href="/settings?tab=webhooks">Webhooks</a> to the event
          alert.firing are told as well.
        </p>
        <div class="row">
          <ActionButton
            permission="administer"
            kind="primary"
            onPress={() => setDoing({ what: "add" })}
          >
            Add a target
          </ActionButton>
        </div>
      </div>
      <Given shown={shown} what="targets">
        {({ targets }) =>
          targets.length === 0 ? (
            <Empty
              title="Nobody is told yet"
              command="millrace alerts targets slack ops < webhook-url.txt"
            >
              <p>What fires is seen on these pages alone.</p>
            </Empty>
          ) : (
            <ul class="entries">
              {targets.map((target) => (
                <TargetEntry key={target.name} target={target} onDo={setDoing} />
              ))}
            </ul>
          )
        }
      </Given>
      {doing?.what === "add" && <TargetDialog target={undefined} onClose={close} />}
      {doing?.what === "edit" && <TargetDialog target={doing.target} onClose={close} />}
      {doing?.what === "remove" && <RemoveDialog target={doing.target} onClose={close} />}
    </>
  );
}

function TargetEntry({ target, onDo }: { target: AlertTargetInfo; onDo: (doing: Doing) => void }) {
  const { name, kind, host, to, project, leastSeverity, enabled, changedAt, changedBy } = target;
  const path = pathOfTarget(name);
  const isOpen = place.value.query.get("target") === name;
  const test = async () => {
    const result = await act<NotificationInfo>(`${path}/test`, {}, ALERT_CHANGES);
    if (result.ok) toast(`A test is on its way to ${name}`);
    else toast(result.trouble.detail, "bad");
  };
  const set = async (isOn: boolean) => {
    const question = { method: "PUT", body: { enabled: isOn } } as const;
    const result = await act(path, question, ALERT_CHANGES);
    if (result.ok) toast(`${name} is ${isOn ? "on" : "off: nothing is sent to it"}`);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name}</span> {KINDS[kind]}
        {to !== null && ` to ${to.join(", ")}`}
        {host !== null && <span class="muted"> at {host}</span>}
        <p class="muted">
          {leastSeverity === "info" ? "everything" : `${leastSeverity} and worse`}
          {project !== null && ` of ${project}`} · changed by {changedBy.replace(/^person:/, "")}{" "}
          <Ago at={changedAt} /> ·{" "}
          <a href={withQuery({ target: isOpen ? undefined : name })}>
            {isOpen ? "hide what it was told" : "what it was told"}
          </a>
        </p>
        {isOpen && <TargetLog name={name} />}
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
        <ActionButton permission="administer" onPress={() => onDo({ what: "edit", target })}>
          Edit…
        </ActionButton>
        <ActionButton permission="administer" onPress={() => void set(!enabled)}>
          {enabled ? "Switch off" : "Switch on"}
        </ActionButton>
        <ActionButton
          permission="administer"
          kind="danger"
          onPress={() => onDo({ what: "remove", target })}
        >
          Remove…
        </ActionButton>
      </div>
    </li>
  );
}

function RemoveDialog({
  target: { name },
  onClose,
}: {
  target: AlertTargetInfo;
  onClose: () => void;
}) {
  return (
    <ActDialog
      title={`Remove ${name}`}
      verb="Remove 1 target"
      kind="danger"
      permission="administer"
      typed={name}
      onClose={onClose}
      run={() => act(pathOfTarget(name), { method: "DELETE" }, ALERT_CHANGES)}
      onDone={() => toast(`${name} is removed`)}
    >
      <p>
        Its credential and the record of what it was told go with it. Nobody is told there again.
      </p>
    </ActDialog>
  );
}
