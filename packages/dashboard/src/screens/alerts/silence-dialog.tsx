import type { AlertSilenceInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { ALERT_CHANGES } from "./alert-changes.ts";

const LENGTHS = [
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["24h", "1 day"],
  ["7d", "1 week"],
] as const;

/** Has nobody told of some alerts for a while; they are shown here all the same. */
export function SilenceDialog({
  rule: givenRule,
  subject: givenSubject,
  onClose,
  children,
}: {
  rule: string;
  subject: string;
  onClose: () => void;
  /** What is to be known before. */
  children?: ComponentChildren;
}) {
  const [rule, setRule] = useState(givenRule);
  const [subject, setSubject] = useState(givenSubject);
  const [length, setLength] = useState<(typeof LENGTHS)[number][0]>("4h");
  const [reason, setReason] = useState("");
  const body = {
    for: length,
    ...(rule.trim() !== "" && { rule: rule.trim() }),
    ...(subject.trim() !== "" && { subject: subject.trim() }),
    ...(reason.trim() !== "" && { reason: reason.trim() }),
  };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<AlertSilenceInfo>
      title="Silence alerts"
      verb="Silence them"
      permission="operate"
      onClose={onClose}
      run={() => act("/api/v1/alert-silences", { body, idempotencyKey }, ALERT_CHANGES)}
      onDone={() => toast("Nobody is told of them until then")}
    >
      {children}
      <TextField label="Rule" hint="Empty: any." value={rule} onChange={setRule} />
      <TextField
        label="Queue, job, host or schedule"
        hint="Empty: any."
        maxLength={300}
        value={subject}
        onChange={setSubject}
      />
      <ChoiceField label="How long" value={length} choices={LENGTHS} onChange={setLength} />
      <TextField
        label="Why, for whoever wonders"
        maxLength={500}
        value={reason}
        onChange={setReason}
      />
    </ActDialog>
  );
}
