import type { AlertTargetInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { onlyChanges } from "../../data/only-changes.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { listOf } from "../settings/list-of.ts";
import { ALERT_CHANGES } from "./alert-changes.ts";
import { SEVERITIES } from "./severities.ts";
import { CREDENTIALS, KINDS, pathOfTarget } from "./target-words.ts";

type Kind = AlertTargetInfo["kind"];

/** What is written in the dialog. */
interface Written {
  credential: string;
  server: string;
  user: string;
  from: string;
  to: string;
  leastSeverity: AlertTargetInfo["leastSeverity"];
}

const SEVERITY_CHOICES = SEVERITIES.map(
  (severity) => [severity, severity === "info" ? "everything" : `${severity} and worse`] as const,
);

const KIND_CHOICES = Object.entries(KINDS) as [Kind, string][];

/** Makes a target, or changes one. What is secret of it can be given anew, and is shown to nobody. */
export function TargetDialog({
  target,
  onClose,
}: {
  target: AlertTargetInfo | undefined;
  onClose: () => void;
}) {
  const [name, setName] = useState(target?.name ?? "");
  const [kind, setKind] = useState<Kind>(target?.kind ?? "slack");
  const [first] = useState<Written>(() => writtenOf(target));
  const [written, setWritten] = useState(first);
  const write = (part: Partial<Written>) => setWritten({ ...written, ...part });
  const missing = missingOf(name, kind, written, target);
  const whole = bodyOf(kind, written, target);
  const body = target ? onlyChanges(whole, bodyOf(kind, first, target)) : whole;
  const secret = CREDENTIALS[kind];
  return (
    <ActDialog<AlertTargetInfo>
      title={target ? `The target ${target.name}` : "Add a target"}
      verb={target ? "Change it" : "Add it"}
      permission="administer"
      why={missing.length > 0 ? `Write ${missing.join(", ")}` : undefined}
      onClose={onClose}
      run={() => act(pathOfTarget(name.trim()), { method: "PUT", body }, ALERT_CHANGES)}
      onDone={(set) => toast(`${set.name} is told from now on; a test shows that it arrives`)}
    >
      {!target && (
        <>
          <TextField
            label="Name"
            hint="Lower case. One that is there already is changed."
            maxLength={100}
            value={name}
            onChange={setName}
          />
          <ChoiceField label="By" value={kind} choices={KIND_CHOICES} onChange={setKind} />
        </>
      )}
      {kind === "email" && <MailFields written={written} onWrite={write} />}
      <TextField
        label={secret.label}
        kind="password"
        maxLength={2000}
        hint={target?.hasCredential ? `${secret.hint} Empty: it stays as it is.` : secret.hint}
        value={written.credential}
        onChange={(credential) => write({ credential })}
      />
      <ChoiceField
        label="Is told of"
        value={written.leastSeverity}
        choices={SEVERITY_CHOICES}
        onChange={(leastSeverity) => write({ leastSeverity })}
      />
    </ActDialog>
  );
}

function MailFields({
  written: { server, user, from, to },
  onWrite,
}: {
  written: Written;
  onWrite: (part: Partial<Written>) => void;
}) {
  return (
    <>
      <TextField
        label="Mail server"
        hint="Such as smtps://mail.example.com. With another one the password must be written again."
        maxLength={300}
        value={server}
        onChange={(text) => onWrite({ server: text })}
      />
      <TextField
        label="User"
        hint="Empty: it takes mail without one."
        maxLength={200}
        value={user}
        onChange={(text) => onWrite({ user: text })}
      />
      <TextField
        label="From"
        maxLength={300}
        value={from}
        onChange={(text) => onWrite({ from: text })}
      />
      <TextField
        label="To"
        hint="Addresses with commas."
        maxLength={10_000}
        value={to}
        onChange={(text) => onWrite({ to: text })}
      />
    </>
  );
}

function writtenOf(target: AlertTargetInfo | undefined): Written {
  return {
    credential: "",
    server: (target?.kind === "email" && target.host) || "",
    user: target?.user ?? "",
    from: target?.from ?? "",
    to: target?.to?.join(", ") ?? "",
    leastSeverity: target?.leastSeverity ?? "warning",
  };
}

function missingOf(
  name: string,
  kind: Kind,
  { credential, server, user, from, to }: Written,
  target: AlertTargetInfo | undefined,
): string[] {
  const isMail = kind === "email";
  const needsSecret = !target?.hasCredential && (!isMail || user.trim() !== "");
  const missing: [boolean, string][] = [
    [name.trim() === "", "a name"],
    [isMail && server.trim() === "", "the mail server"],
    [isMail && from.trim() === "", "whom it is from"],
    [isMail && listOf(to).length === 0, "whom it is to"],
    [needsSecret && credential === "", CREDENTIALS[kind].label],
  ];
  return missing.filter(([is]) => is).map(([, what]) => what);
}

function bodyOf(
  kind: Kind,
  { credential, server, user, from, to, leastSeverity }: Written,
  target: AlertTargetInfo | undefined,
): object {
  return {
    ...(!target && { kind }),
    ...(credential !== "" && { credential }),
    ...(kind === "email" && {
      ...{ server: server.trim(), from: from.trim(), to: listOf(to) },
      user: user.trim() === "" ? null : user.trim(),
    }),
    leastSeverity,
  };
}
