import type { Operation } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { Given } from "../../parts/conditions.tsx";
import { CopyAs } from "../../parts/copy-as.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { now } from "../../parts/moment.ts";
import { Page } from "../../parts/page.tsx";
import { Ago, At } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { Words } from "../../parts/words.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { OperationMembersList } from "./operation-members.tsx";
import { reopenAll } from "../dead/reopen.ts";
import { RateDialog } from "./rate-dialog.tsx";
import { OperationState, Progress } from "./operation-state.tsx";
import { filterInWords, isOver, paceOf, titleOf } from "./operation-words.ts";
import "../../design/entries.css";
import "./bulk.css";

const CHANGES = ["/api/v1/operations"];

/** One operation: how far it is, what became of what, and how to stop it. */
export function OperationScreen({ params: { id = "" } }: ScreenProps) {
  const path = `/api/v1/operations/${encodeURIComponent(id)}`;
  const shown = useResource<Operation>(path, { everyMs: 1000 });
  const operation = shown.data;
  return (
    <Page
      title={operation ? titleOf(operation) : `Operation ${id}`}
      actions={
        <>
          {operation && <Steering operation={operation} path={path} />}
          {operation?.kind === "dismiss" && (
            <ActionButton
              permission="operate"
              why={operation.done === 0 ? "It has dismissed none" : undefined}
              onPress={() => void reopenAll(operation.id)}
            >
              Reopen them
            </ActionButton>
          )}
          <CopyAs request={{ path }} cli={`millrace operations show ${id} --wait`} />
        </>
      }
    >
      <Given shown={shown} what="the operation">
        {(data) => (
          <>
            <Facts operation={data} />
            {data.patch && (
              <details>
                <summary>The patch that each input was given</summary>
                <pre tabIndex={0} role="region" aria-label="Patch">
                  {JSON.stringify(data.patch, null, 2)}
                </pre>
              </details>
            )}
            <OperationMembersList operation={data} path={path} />
          </>
        )}
      </Given>
    </Page>
  );
}

function Steering({ operation, path }: { operation: Operation; path: string }) {
  const over = isOver(operation) ? "It has ended" : undefined;
  const left = operation.total - operation.handled;
  const show = (what?: string) => go(withQuery({ do: what }), "replace");
  const steer = async (verb: "pause" | "resume", past: string) => {
    const back = verb === "pause" ? "resume" : "pause";
    const result = await act(`${path}/${verb}`, {}, CHANGES);
    if (!result.ok) return toast(result.trouble.detail, "bad");
    toast(`The operation ${past}`, "good", () => void act(`${path}/${back}`, {}, CHANGES));
  };
  return (
    <>
      {operation.state === "paused" ? (
        <ActionButton
          permission="operate"
          kind="primary"
          onPress={() => void steer("resume", "goes on")}
        >
          Resume
        </ActionButton>
      ) : (
        <ActionButton
          permission="operate"
          why={over}
          onPress={() => void steer("pause", "is paused")}
        >
          Pause
        </ActionButton>
      )}
      <ActionButton
        permission="operate"
        why={over ?? (operation.ratePerSecond === null ? "It goes as fast as it can" : undefined)}
        onPress={() => show("rate")}
      >
        Rate…
      </ActionButton>
      {place.value.query.get("do") === "rate" && !over && (
        <RateDialog {...{ operation, path }} changes={CHANGES} onClose={() => show()} />
      )}
      <ActionButton permission="operate" kind="danger" why={over} onPress={() => show("cancel")}>
        Cancel
      </ActionButton>
      {place.value.query.get("do") === "cancel" && !over && (
        <ActDialog
          title="Cancel this operation"
          verb={`Leave ${left.toLocaleString("en")} as they are`}
          kind="danger"
          permission="operate"
          onClose={() => show()}
          run={() => act(`${path}/cancel`, {}, CHANGES)}
          onDone={() => toast("The operation is cancelled")}
        >
          <p>
            What it has done stays done: {operation.done.toLocaleString("en")}. The rest stays open,
            and can be chosen anew.
          </p>
        </ActDialog>
      )}
    </>
  );
}

function Facts({ operation }: { operation: Operation }) {
  const { handled, total, reason, createdBy, createdAt, finishedAt, ratePerSecond, note, canary } =
    operation;
  const pace = paceOf(operation, now.value);
  const left = total - handled;
  return (
    <>
      <p class="row">
        <OperationState operation={operation} />
        <span>
          {handled.toLocaleString("en")} of {total.toLocaleString("en")}
        </span>
        {operation.state === "running" && pace !== undefined && left > 0 && (
          <span class="muted">some {lengthInWords((left / pace) * 1000)} left at this pace</span>
        )}
      </p>
      <Progress operation={operation} />
      {reason && (
        <section class={operation.state === "stopped" ? "why bad" : "why"}>
          <p>
            <Words text={reason} />
          </p>
        </section>
      )}
      <dl class="facts">
        <div>
          <dt>About</dt>
          <dd>{filterInWords(operation)}</dd>
        </div>
        <div>
          <dt>Begun by</dt>
          <dd>
            {createdBy.replace(/^person:/, "")} <Ago at={createdAt} />
          </dd>
        </div>
        {finishedAt && (
          <div>
            <dt>Ended</dt>
            <dd>
              <At at={finishedAt} />
            </dd>
          </div>
        )}
        {ratePerSecond !== null && (
          <div>
            <dt>Rate</dt>
            <dd>
              {pace === undefined ? "" : `${pace.toFixed(1)} a second, `}at most {ratePerSecond}
              {pace === undefined && " a second"}
            </dd>
          </div>
        )}
        {canary && (
          <div>
            <dt>Canary</dt>
            <dd>1, then 10, then the rest</dd>
          </div>
        )}
        {note && (
          <div>
            <dt>Why</dt>
            <dd>“{note}”</dd>
          </div>
        )}
      </dl>
    </>
  );
}
