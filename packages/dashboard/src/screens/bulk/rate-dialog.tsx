import type { Operation } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";

/** Has an operation go faster, or slower, and says how long it then takes at the least. */
export function RateDialog({
  operation,
  path,
  changes,
  onClose,
}: {
  operation: Operation;
  path: string;
  changes: readonly string[];
  onClose: () => void;
}) {
  const [written, setWritten] = useState(String(operation.ratePerSecond));
  const rate = Number(written);
  const wrong =
    written.trim() !== "" && rate >= 0.01 && rate <= 1000
      ? undefined
      : "Write a number from 0.01 to 1000";
  const left = operation.total - operation.handled;
  const body = { ratePerSecond: rate };
  return (
    <ActDialog<Operation>
      title="How fast it goes"
      verb="Change the rate"
      permission="operate"
      why={wrong}
      onClose={onClose}
      run={() => act(path, { method: "PATCH", body }, changes)}
      onDone={(now) => toast(`It handles ${now.ratePerSecond} a second at the most from now on`)}
    >
      <TextField
        label="How many a second at the most"
        wrong={wrong}
        {...(wrong === undefined && {
          hint: `The ${left.toLocaleString("en")} that are left take ${lengthInWords((left / rate) * 1000)} at the least.`,
        })}
        value={written}
        onChange={setWritten}
      />
    </ActDialog>
  );
}
