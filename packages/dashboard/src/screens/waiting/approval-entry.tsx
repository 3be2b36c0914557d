import { type Role, isAtLeast } from "@millrace/core";
import type { AnsweredApproval, Approval } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useIdentity } from "../../data/identity.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";

const CHANGES = ["/api/v1/approvals", "/api/v1/runs", "/api/v1/overview"];

/** A question of a run, with what helps to decide. */
export function ApprovalEntry({ approval }: { approval: Approval }) {
  const { runId, job, name, ask, details, role, since, until } = approval;
  const [answer, setAnswer] = useState<"approve" | "reject">();
  const me = useIdentity();
  const why =
    me && role !== null && !isHigh(me.role, role)
      ? `This asks for the role ${role}; yours is ${me.role}.`
      : undefined;
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{ask}</span>
        <p class="muted">
          <a href={`/runs/${runId}`}>{job}</a> · {name} · asked <Ago at={since} /> ·{" "}
          {role === null ? "anybody who may operate" : `${role} or higher`}
          {until && (
            <>
              {" "}
              · its time is over <Ago at={until} />
            </>
          )}
        </p>
        {details !== null && <JsonView value={details} what={`What is asked about: ${ask}`} />}
      </div>
      <div class="entry-acts">
        <ActionButton
          permission="operate"
          kind="primary"
          why={why}
          onPress={() => setAnswer("approve")}
        >
          Approve…
        </ActionButton>
        <ActionButton
          permission="operate"
          kind="danger"
          why={why}
          onPress={() => setAnswer("reject")}
        >
          Reject…
        </ActionButton>
      </div>
      {answer && (
        <AnswerDialog
          {...{ approval }}
          approved={answer === "approve"}
          onClose={() => setAnswer(undefined)}
        />
      )}
    </li>
  );
}

function isHigh(role: Role, least: NonNullable<Approval["role"]>): boolean {
  return isAtLeast(role, least);
}

function AnswerDialog({
  approval: { runId, name, ordinal, ask },
  approved,
  onClose,
}: {
  approval: Approval;
  approved: boolean;
  onClose: () => void;
}) {
  const [note, setNote] = useState("");
  const body = { name, ordinal, approved, ...(note.trim() !== "" && { note: note.trim() }) };
  return (
    <ActDialog<AnsweredApproval>
      title={ask}
      verb={approved ? "Approve: it goes on" : "Reject it"}
      kind={approved ? "primary" : "danger"}
      permission="operate"
      onClose={onClose}
      run={() => act(`/api/v1/runs/${runId}/approvals`, { body }, CHANGES)}
      onDone={() => toast(approved ? "Approved: the run goes on" : "Rejected: the run is told so")}
    >
      <p>The run gets the answer, your name and the note, and goes on with them at once.</p>
      <TextField label="Note" hint="The run gets it, too." value={note} onChange={setNote} />
    </ActDialog>
  );
}
