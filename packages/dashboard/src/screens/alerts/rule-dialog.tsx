import type { AlertRuleInfo } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { onlyChanges } from "../../data/only-changes.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { SEVERITIES } from "./severities.ts";

export const RULES_PATH = "/api/v1/alert-rules";

export function pathOfRule(name: string): string {
  return `${RULES_PATH}/${encodeURIComponent(name)}`;
}

const SEVERITY_CHOICES = SEVERITIES.map((severity) => [severity, severity] as const);

/** Changes a rule, or removes it. */
export function ChangeRuleDialog({ rule, onClose }: { rule: AlertRuleInfo; onClose: () => void }) {
  const reset = async () => {
    const result = await act(pathOfRule(rule.name), { method: "DELETE" }, ALERT_CHANGES);
    if (!result.ok) return toast(result.trouble.detail, "bad");
    toast(rule.builtIn ? `${rule.name} is as it was at first` : `${rule.name} is removed`);
    onClose();
  };
  const given = useRuleFields(rule);
  const first = useRef(given.body);
  const body = onlyChanges(given.body, first.current);
  return (
    <ActDialog<AlertRuleInfo>
      title={`The rule ${rule.name}`}
      verb="Change it"
      permission="administer"
      why={given.wrong}
      onClose={onClose}
      run={() => act(pathOfRule(rule.name), { method: "PUT", body }, ALERT_CHANGES)}
      onDone={() => toast(`${rule.name} holds so within 15 seconds`)}
    >
      {given.fields}
      {(rule.changed || !rule.builtIn) && (
        <p>
          <ActionButton permission="administer" onPress={() => void reset()}>
            {rule.builtIn ? "As it was at first" : "Remove it"}
          </ActionButton>
        </p>
      )}
    </ActDialog>
  );
}

/**
 * Makes a rule of one's own, of a kind that is there, for one queue, job, host or schedule, or otherwise than the one for all.
 *
 * @param kinds the rules that were there from the beginning: one of each kind
 */
export function AddRuleDialog({
  kinds,
  onClose,
}: {
  kinds: readonly AlertRuleInfo[];
  onClose: () => void;
}) {
  const [kind, setKind] = useState(kinds[0]!.kind);
  const choices = kinds.map((one) => [one.kind, one.kind] as const);
  return (
    <AddOfKind
      key={kind}
      like={kinds.find((one) => one.kind === kind)!}
      onClose={onClose}
      chooser={
        <ChoiceField label="What it looks at" value={kind} choices={choices} onChange={setKind} />
      }
    />
  );
}

function AddOfKind({
  like,
  chooser,
  onClose,
}: {
  like: AlertRuleInfo;
  chooser: ComponentChildren;
  onClose: () => void;
}) {
  const [name, setName] = useState("");
  const given = useRuleFields(like);
  const body = { ...given.body, kind: like.kind };
  return (
    <ActDialog<AlertRuleInfo>
      title="Add a rule"
      verb="Add it"
      permission="administer"
      why={name.trim() === "" ? "Write a name" : given.wrong}
      onClose={onClose}
      run={() => act(pathOfRule(name.trim()), { method: "PUT", body }, ALERT_CHANGES)}
      onDone={(made) => toast(`${made.name} is looked at four times a minute`)}
    >
      {chooser}
      <TextField
        label="Name"
        hint="Lower case, such as orders-wait. One that is there already is changed."
        maxLength={100}
        value={name}
        onChange={setName}
      />
      {given.fields}
    </ActDialog>
  );
}

/** Of which of a rule there is something to write, as it is at first. */
function useRuleFields(rule: AlertRuleInfo) {
  const { about, below, unit, builtIn } = rule;
  const [subject, setSubject] = useState(rule.subject ?? "");
  const [threshold, setThreshold] = useState(String(rule.threshold));
  const [seconds, setSeconds] = useState(String(rule.forMs / 1000));
  const [minutes, setMinutes] = useState(
    rule.windowMs === null ? "" : String(rule.windowMs / 60_000),
  );
  const [severity, setSeverity] = useState(rule.severity);
  const hasSubject = about !== "installation";
  const looksBack = rule.windowMs !== null;
  const wrongs = {
    threshold: isNumber(threshold) ? undefined : "Write a number of 0 or more",
    seconds: isNumber(seconds) ? undefined : "Write a number of seconds, 0 or more",
    minutes: !looksBack || isNumber(minutes) ? undefined : "Write a number of minutes, 1 to 60",
  };
  const body = {
    ...{ threshold: Number(threshold), for: `${Number(seconds)}s`, severity },
    ...(looksBack && { window: `${Number(minutes) * 60}s` }),
    ...(hasSubject && { subject: subject.trim() === "" ? null : subject.trim() }),
  };
  const fields = (
    <>
      {hasSubject && (
        <TextField
          label={`Of which ${about}`}
          hint={
            builtIn
              ? `Empty: of each ${about}.`
              : `Empty: of each ${about}. Such rules stand beside others.`
          }
          maxLength={300}
          value={subject}
          onChange={setSubject}
        />
      )}
      <TextField
        label={`It fires ${below ? "below" : "above"} so many ${unit}`}
        {...(unit === "share" && { hint: "Of 1: 0.2 is 20 %." })}
        wrong={wrongs.threshold}
        value={threshold}
        onChange={setThreshold}
      />
      {looksBack && (
        <TextField
          label="Looking back, in minutes"
          wrong={wrongs.minutes}
          value={minutes}
          onChange={setMinutes}
        />
      )}
      <TextField
        label="Once it was so for, in seconds"
        wrong={wrongs.seconds}
        value={seconds}
        onChange={setSeconds}
      />
      <ChoiceField
        label="Severity"
        value={severity}
        choices={SEVERITY_CHOICES}
        onChange={setSeverity}
      />
    </>
  );
  return { body, fields, wrong: wrongs.threshold ?? wrongs.minutes ?? wrongs.seconds };
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text)) && Number(text) >= 0;
}
