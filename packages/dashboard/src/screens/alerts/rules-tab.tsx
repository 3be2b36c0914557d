import type { AlertRuleInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { toast } from "../../parts/toast.tsx";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { AddRuleDialog, ChangeRuleDialog, RULES_PATH, pathOfRule } from "./rule-dialog.tsx";
import { Severity } from "./severity.tsx";

/** By what Millrace says that something is wrong; all are on from the start. */
export function RulesTab() {
  const shown = useResource<{ rules: AlertRuleInfo[] }>(RULES_PATH);
  const [changing, setChanging] = useState<AlertRuleInfo>();
  const [adding, setAdding] = useState(false);
  const kinds = shown.data?.rules.filter(({ builtIn }) => builtIn) ?? [];
  return (
    <>
      <div class="tools">
        <p class="muted">
          They are looked at four times a minute, and all are on from the start. Rules of your own
          hold for one queue, job, host or schedule, or have another threshold.
        </p>
        <div class="row">
          <ActionButton
            permission="administer"
            kind="primary"
            why={kinds.length === 0 ? "The rules are not there yet" : undefined}
            onPress={() => setAdding(true)}
          >
            Add a rule
          </ActionButton>
        </div>
      </div>
      <Given shown={shown} what="rules">
        {({ rules }) => (
          <ul class="entries">
            {rules.map((rule) => (
              <RuleEntry key={rule.name} rule={rule} onChange={() => setChanging(rule)} />
            ))}
          </ul>
        )}
      </Given>
      {changing && <ChangeRuleDialog rule={changing} onClose={() => setChanging(undefined)} />}
      {adding && <AddRuleDialog kinds={kinds} onClose={() => setAdding(false)} />}
    </>
  );
}

function RuleEntry({ rule, onChange }: { rule: AlertRuleInfo; onChange: () => void }) {
  const { name, about, subject, subjectMissing, severity, enabled, changed, changedBy, builtIn } =
    rule;
  const set = async (isOn: boolean) => {
    const question = { method: "PUT", body: { enabled: isOn } } as const;
    const result = await act(pathOfRule(name), question, ALERT_CHANGES);
    if (result.ok) toast(`${name} is ${isOn ? "on" : "off"}`);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <li>
      <div class="entry-main">
        <Severity severity={severity} /> <span class="entry-name">{name}</span>{" "}
        {subject ?? (about === "installation" ? "" : `of each ${about}`)}
        {subjectMissing && <span class="wrong"> (there is no such {about})</span>}
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
