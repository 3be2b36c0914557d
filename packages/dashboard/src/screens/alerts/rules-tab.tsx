import type { AlertRuleInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { Given } from "../../parts/conditions.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { Severity } from "./severity.tsx";

const PATH = "/api/v1/alert-rules";

/** By what Millrace says that something is wrong; all are on from the start. */
export function RulesTab() {
  const shown = useResource<{ rules: AlertRuleInfo[] }>(PATH);
  const [changing, setChanging] = useState<AlertRuleInfo>();
  return (
    <>
      <Given shown={shown} what="rules">
        {({ rules }) => (
          <ul class="entries">
            {rules.map((rule) => (
              <RuleEntry key={rule.name} rule={rule} onChange={() => setChanging(rule)} />
            ))}
          </ul>
        )}
      </Given>
      {changing && <ChangeDialog rule={changing} onClose={() => setChanging(undefined)} />}
    </>
  );
}

function pathOf({ name }: AlertRuleInfo): string {
  return `${PATH}/${encodeURIComponent(name)}`;
}

function RuleEntry({ rule, onChange }: { rule: AlertRuleInfo; onChange: () => void }) {
  const { name, about, subject, severity, enabled, changed, changedBy, builtIn } = rule;
  const set = async (isOn: boolean) => {
    const question = { method: "PUT", body: { enabled: isOn } } as const;
    const result = await act(pathOf(rule), question, ALERT_CHANGES);
    if (result.ok) toast(`${name} is ${isOn ? "on" : "off"}`);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <li>
      <div class="entry-main">
        <Severity severity={severity} /> <span class="entry-name">{name}</span>{" "}
        {subject ?? (about === "installation" ? "" : `of each ${about}`)}
        <p class="muted">
          {inWords(rule)}
          {changed && builtIn && changedBy && ` · changed by ${changedBy.replace(/^person:/, "")}`}
        </p>
      </div>
      <div class="entry-side">{enabled ? "on" : <span class="wrong">off</span>}</div>
      <div class="entry-acts">
        <ActionButton permission="administer" onPress={onChange}>
          Change…
        </ActionButton>
        <ActionButton permission="administer" onPress={() => void set(!enabled)}>
          {enabled ? "Switch off" : "Switch on"}
        </ActionButton>
      </div>
    </li>
  );
}

function inWords({ threshold, unit, below, forMs, windowMs }: AlertRuleInfo): string {
  const parts = [`fires ${below ? "below" : "above"} ${amountInWords(threshold, unit)}`];
  if (windowMs !== null) parts.push(`within ${lengthInWords(windowMs)}`);
  if (forMs > 0) parts.push(`once it was so for ${lengthInWords(forMs)}`);
  return parts.join(" ");
}

function amountInWords(amount: number, unit: string): string {
  if (unit === "share") return `${(amount * 100).toLocaleString("en")} %`;
  if (unit === "seconds") return lengthInWords(amount * 1000);
  return `${amount.toLocaleString("en")} ${unit}`;
}

const SEVERITIES = [
  ["critical", "critical"],
  ["warning", "warning"],
  ["info", "info"],
] as const;

function ChangeDialog({ rule, onClose }: { rule: AlertRuleInfo; onClose: () => void }) {
  const [threshold, setThreshold] = useState(String(rule.threshold));
  const [seconds, setSeconds] = useState(String(rule.forMs / 1000));
  const [severity, setSeverity] = useState(rule.severity);
  const wrong = isNumber(threshold) ? undefined : "Write a number of 0 or more";
  const wrongFor = isNumber(seconds) ? undefined : "Write a number of seconds, 0 or more";
  const body = { threshold: Number(threshold), for: `${Number(seconds)}s`, severity };
  const reset = async () => {
    const result = await act(pathOf(rule), { method: "DELETE" }, ALERT_CHANGES);
    if (!result.ok) return toast(result.trouble.detail, "bad");
    toast(rule.builtIn ? `${rule.name} is as it was at first` : `${rule.name} is removed`);
    onClose();
  };
  return (
    <ActDialog<AlertRuleInfo>
      title={`The rule ${rule.name}`}
      verb="Change it"
      permission="administer"
      why={wrong ?? wrongFor}
      onClose={onClose}
      run={() => act(pathOf(rule), { method: "PUT", body }, ALERT_CHANGES)}
      onDone={() => toast(`${rule.name} holds so within 15 seconds`)}
    >
      <TextField
        label={`It fires ${rule.below ? "below" : "above"} so many ${rule.unit}`}
        {...(rule.unit === "share" && { hint: "Of 1: 0.2 is 20 %." })}
        wrong={wrong}
        value={threshold}
        onChange={setThreshold}
      />
      <TextField
        label="Once it was so for, in seconds"
        wrong={wrongFor}
        value={seconds}
        onChange={setSeconds}
      />
      <ChoiceField label="Severity" value={severity} choices={SEVERITIES} onChange={setSeverity} />
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

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text)) && Number(text) >= 0;
}
