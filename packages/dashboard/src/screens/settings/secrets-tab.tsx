import type { SecretInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { ForAdmins } from "./for-admins.tsx";
import { listOf } from "./list-of.ts";

const PATH = "/api/v1/secrets";
const CHANGES = [PATH, "/api/v1/audit"];

type Doing = { what: "set"; secret?: SecretInfo } | { what: "remove"; secret: SecretInfo };

/** Secrets by their names: nothing here gives a value. */
export function SecretsTab() {
  const [doing, setDoing] = useState<Doing>();
  const close = () => setDoing(undefined);
  return (
    <>
      <div class="tools">
        <p class="muted">
          What handlers ask for by name. Values are encrypted, and nobody can read them here.
        </p>
        <div class="row">
          <ActionButton
            permission="administer"
            kind="primary"
            onPress={() => setDoing({ what: "set" })}
          >
            Set a secret
          </ActionButton>
        </div>
      </div>
      <ForAdmins what="Secrets">{() => <SecretList onDo={setDoing} />}</ForAdmins>
      {doing?.what === "set" && <SetDialog secret={doing.secret} onClose={close} />}
      {doing?.what === "remove" && <RemoveDialog secret={doing.secret} onClose={close} />}
    </>
  );
}

function SecretList({ onDo }: { onDo: (doing: Doing) => void }) {
  const shown = useResource<{ secrets: SecretInfo[] }>(PATH);
  return (
    <Given shown={shown} what="secrets">
      {({ secrets }) =>
        secrets.length === 0 ? (
          <Empty
            title="No secret yet"
            command="millrace secrets set CRM_TOKEN --job contact.sync --host crm.example.com < token.txt"
          >
            <p>The command reads the value from its input: it stays out of the shell’s history.</p>
          </Empty>
        ) : (
          <ul class="entries">
            {secrets.map((secret) => (
              <SecretEntry key={secret.name} secret={secret} onDo={onDo} />
            ))}
          </ul>
        )
      }
    </Given>
  );
}

function SecretEntry({ secret, onDo }: { secret: SecretInfo; onDo: (doing: Doing) => void }) {
  const { name, project, version, source, jobs, hosts, expiresAt, changedAt, changedBy } = secret;
  const given = new URLSearchParams({ tab: "audit", object: `secret:${name}` });
  return (
    <li>
      <div class="entry-main">
        <code class="entry-name">{name}</code> <span class="muted">version {version}</span>
        <p class="muted">
          {jobs === null ? `every job of ${project}` : jobs.join(", ")} ·{" "}
          {hosts === null ? "as text, to anywhere" : `only to ${hosts.join(", ")}`}
          {source !== null && ` · found at ${source}`} · set by {changedBy.replace(/^person:/, "")}{" "}
          <Ago at={changedAt} />
          {expiresAt && (
            <>
              {" "}
              · stops working <Ago at={expiresAt} />
            </>
          )}{" "}
          · <a href={`/settings?${given}`}>who set it, and which runs were given it</a>
        </p>
      </div>
      <div class="entry-acts">
        <ActionButton permission="administer" onPress={() => onDo({ what: "set", secret })}>
          New value…
        </ActionButton>
        <ActionButton
          permission="administer"
          kind="danger"
          onPress={() => onDo({ what: "remove", secret })}
        >
          Remove…
        </ActionButton>
      </div>
    </li>
  );
}

/** @param secret the one that gets another value; undefined for a new one */
function SetDialog({ secret, onClose }: { secret: SecretInfo | undefined; onClose: () => void }) {
  const [name, setName] = useState(secret?.name ?? "");
  const [value, setValue] = useState("");
  const [jobs, setJobs] = useState(secret?.jobs?.join(", ") ?? (secret ? "*" : ""));
  const [hosts, setHosts] = useState(secret?.hosts?.join(", ") ?? (secret ? "*" : ""));
  const body = {
    value,
    ...(jobs.trim() === "*" ? { allJobs: true } : { jobs: listOf(jobs) }),
    ...(hosts.trim() === "*" ? { anyHost: true } : { hosts: listOf(hosts) }),
  };
  const missing = [
    name.trim() === "" && "a name",
    value === "" && "a value",
    jobs.trim() === "" && "the jobs",
    hosts.trim() === "" && "the hosts",
  ].filter(Boolean);
  return (
    <ActDialog<SecretInfo>
      title={secret ? `Another value for ${secret.name}` : "Set a secret"}
      verb={secret ? "Set the new value" : "Set it"}
      permission="administer"
      why={missing.length > 0 ? `Write ${missing.join(", ")}` : undefined}
      onClose={onClose}
      run={() =>
        act(`${PATH}/${encodeURIComponent(name.trim())}`, { method: "PUT", body }, CHANGES)
      }
      onDone={(set) => toast(`${set.name} has version ${set.version}`)}
    >
      {secret && <p>Workers know of it within 30 seconds. What the value was before is gone.</p>}
      {!secret && (
        <TextField
          label="Name"
          hint="Upper case, such as CRM_TOKEN. One that is there already gets this value."
          maxLength={100}
          value={name}
          onChange={setName}
        />
      )}
      <TextField label="Value" rows={3} value={value} onChange={setValue} />
      <TextField
        label="Jobs that may have it"
        hint="With commas; * for every job of its project that declares it."
        value={jobs}
        onChange={setJobs}
        maxLength={100_000}
      />
      <TextField
        label="Hosts that it may be sent to"
        hint="With commas: then handlers get no text, but ctx.fetch sends it there. * for text, to anywhere."
        value={hosts}
        onChange={setHosts}
        maxLength={20_000}
      />
    </ActDialog>
  );
}

function RemoveDialog({
  secret: { name, jobs },
  onClose,
}: {
  secret: SecretInfo;
  onClose: () => void;
}) {
  return (
    <ActDialog
      title={`Remove ${name}`}
      verb="Remove 1 secret"
      kind="danger"
      permission="administer"
      typed={name}
      onClose={onClose}
      run={() => act(`${PATH}/${encodeURIComponent(name)}`, { method: "DELETE" }, CHANGES)}
      onDone={() => toast(`${name} is removed`)}
    >
      <p>
        The value is gone for good, and runs of{" "}
        {jobs === null ? "every job that declares it" : jobs.join(", ")} fail without it. Workers
        that have it give it for 30 seconds still.
      </p>
    </ActDialog>
  );
}
