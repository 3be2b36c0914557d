import type { ErrorGroup, ErrorGroupDetail } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useIdentity } from "../../data/identity.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { ERROR_CHANGES } from "./error-changes.ts";

/** Says who looks after a group of errors: oneself, somebody else, a team, or nobody any more. */
export function AssignDialog({
  group,
  path,
  onClose,
}: {
  group: ErrorGroupDetail;
  path: string;
  onClose: () => void;
}) {
  const me = useIdentity();
  const [written, setWritten] = useState(group.assignedTo ?? me?.name ?? "");
  const assignedTo = written.trim() === "" ? null : written.trim();
  return (
    <ActDialog<ErrorGroup>
      title="Who looks after it"
      verb={assignedTo === null ? "Assign it to nobody" : "Assign it"}
      permission="operate"
      onClose={onClose}
      run={() => act(path, { method: "PATCH", body: { assignedTo } }, ERROR_CHANGES)}
      onDone={() =>
        toast(
          assignedTo === null
            ? "Nobody looks after it now"
            : `${assignedTo.replace(/^person:/, "")} looks after it`,
        )
      }
    >
      <TextField
        label="Somebody, or a team"
        hint="Empty: nobody. Who is named is seen in the list of errors and is not told."
        maxLength={200}
        value={written}
        onChange={setWritten}
      />
    </ActDialog>
  );
}
