import { ROLES, type Role } from "@millrace/core";
import type { ApiKeyInfo, CreatedApiKey } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog, useOnceKey } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { Empty, Given } from "../../parts/conditions.tsx";
import { OnceShown } from "../../parts/once-shown.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";
import { ForAdmins } from "./for-admins.tsx";
import { ROLE_WORDS } from "./role-words.ts";
import { listOf } from "./list-of.ts";

const PATH = "/api/v1/keys";
const CHANGES = [PATH, "/api/v1/audit"];

type Doing = { what: "make" } | { what: "rotate" | "revoke"; key: ApiKeyInfo };

/** Keys of programs: made, shown once, replaced and ended. */
export function KeysTab() {
  const [doing, setDoing] = useState<Doing>();
  const [made, setMade] = useState<CreatedApiKey>();
  const close = () => setDoing(undefined);
  return (
    <>
      <div class="tools">
        <p class="muted">What programs show as Authorization: Bearer. People log in instead.</p>
        <div class="row">
          <ActionButton
            permission="administer"
            kind="primary"
            onPress={() => setDoing({ what: "make" })}
          >
            Make a key
          </ActionButton>
        </div>
      </div>
      <ForAdmins what="API keys">{() => <KeyList onDo={setDoing} />}</ForAdmins>
      {doing?.what === "make" && <MakeDialog onClose={close} onMade={setMade} />}
      {doing?.what === "rotate" && (
        <RotateDialog apiKey={doing.key} onClose={close} onMade={setMade} />
      )}
      {doing?.what === "revoke" && <RevokeDialog apiKey={doing.key} onClose={close} />}
      {made && (
        <OnceShown
          title={`The key ${made.name}`}
          secrets={[["API key", made.key]]}
          onClose={() => setMade(undefined)}
        />
      )}
    </>
  );
}

function KeyList({ onDo }: { onDo: (doing: Doing) => void }) {
  const shown = useResource<{ keys: ApiKeyInfo[] }>(PATH);
  return (
    <Given shown={shown} what="API keys">
      {({ keys }) =>
        keys.length === 0 ? (
          <Empty title="No key yet">
            <p>The server’s own key is none of these: it is for who runs the server.</p>
          </Empty>
        ) : (
          <ul class="entries">
            {keys
              .toSorted((a, b) => Number(a.state !== "valid") - Number(b.state !== "valid"))
              .map((key) => (
                <KeyEntry key={key.id} apiKey={key} onDo={onDo} />
              ))}
          </ul>
        )
      }
    </Given>
  );
}

function KeyEntry({ apiKey, onDo }: { apiKey: ApiKeyInfo; onDo: (doing: Doing) => void }) {
  const { id, name, role, projects, state, createdAt, createdBy, expiresAt } = apiKey;
  const { lastUsedAt, successor } = apiKey;
  const over = state === "valid" ? undefined : `It is ${state}`;
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name}</span> <code class="muted">{id}</code>
        <p class="muted">
          {role} · {projects === null ? "whole installation" : projects.join(", ")} · last used{" "}
          {lastUsedAt ? <Ago at={lastUsedAt} /> : "never"} · made by{" "}
          {createdBy.replace(/^person:/, "")} <Ago at={createdAt} />
          {expiresAt && (
            <>
              {" "}
              · {state === "expired" ? "expired" : "expires"} <Ago at={expiresAt} />
            </>
          )}
          {successor && ` · replaced by ${successor}`}
        </p>
      </div>
      <div class="entry-side">{state === "valid" ? state : <span class="wrong">{state}</span>}</div>
      <div class="entry-acts">
        <ActionButton
          permission="administer"
          why={over}
          onPress={() => onDo({ what: "rotate", key: apiKey })}
        >
          Rotate…
        </ActionButton>
        <ActionButton
          permission="administer"
          kind="danger"
          why={over}
          onPress={() => onDo({ what: "revoke", key: apiKey })}
        >
          Revoke…
        </ActionButton>
      </div>
    </li>
  );
}

const LIFETIMES = [
  ["30d", "30 days"],
  ["90d", "90 days"],
  ["365d", "1 year"],
  ["", "never"],
] as const;

function MakeDialog({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (key: CreatedApiKey) => void;
}) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("worker");
  const [lifetime, setLifetime] = useState<(typeof LIFETIMES)[number][0]>("90d");
  const [projects, setProjects] = useState("");
  const confined = listOf(projects);
  const body = {
    ...{ name: name.trim(), role },
    ...(lifetime !== "" && { expiresIn: lifetime }),
    ...(confined.length > 0 && { projects: confined }),
  };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<CreatedApiKey>
      title="Make an API key"
      verb="Make the key"
      permission="administer"
      why={name.trim() === "" ? "Give it a name" : undefined}
      onClose={onClose}
      run={() => act(PATH, { body, idempotencyKey }, CHANGES)}
      onDone={onMade}
    >
      <TextField
        label="Name"
        hint="Who or what it is for: history has it."
        maxLength={100}
        value={name}
        onChange={setName}
      />
      <ChoiceField
        label="Role"
        value={role}
        choices={ROLES.map((one) => [one, ROLE_WORDS[one]] as const)}
        onChange={setRole}
      />
      <ChoiceField
        label="Expires after"
        value={lifetime}
        choices={LIFETIMES}
        onChange={setLifetime}
      />
      <TextField
        label="Projects, with commas"
        hint="Empty: as you are."
        value={projects}
        onChange={setProjects}
      />
    </ActDialog>
  );
}

const OVERLAPS = [
  ["1h", "1 hour"],
  ["24h", "1 day"],
  ["7d", "1 week"],
] as const;

function RotateDialog({
  apiKey: { id, name },
  onClose,
  onMade,
}: {
  apiKey: ApiKeyInfo;
  onClose: () => void;
  onMade: (key: CreatedApiKey) => void;
}) {
  const [overlap, setOverlap] = useState<(typeof OVERLAPS)[number][0]>("24h");
  const idempotencyKey = useOnceKey({ id, overlap });
  return (
    <ActDialog<CreatedApiKey>
      title={`Rotate ${name}`}
      verb="Make its successor"
      permission="administer"
      onClose={onClose}
      run={() => act(`${PATH}/${id}/rotate`, { body: { overlap }, idempotencyKey }, CHANGES)}
      onDone={onMade}
    >
      <p>A key of the same name, role and lifetime takes its place.</p>
      <ChoiceField
        label="The old one still works for"
        value={overlap}
        choices={OVERLAPS}
        onChange={setOverlap}
      />
    </ActDialog>
  );
}

function RevokeDialog({
  apiKey: { id, name, lastUsedAt },
  onClose,
}: {
  apiKey: ApiKeyInfo;
  onClose: () => void;
}) {
  return (
    <ActDialog
      title={`Revoke ${name}`}
      verb="Revoke 1 key"
      kind="danger"
      permission="administer"
      typed={name}
      onClose={onClose}
      run={() => act(`${PATH}/${id}`, { method: "DELETE" }, CHANGES)}
      onDone={() => toast(`The key ${name} is revoked`)}
    >
      <p>
        Whoever uses it is refused within 5 seconds, for good. It was last used{" "}
        {lastUsedAt ? <Ago at={lastUsedAt} /> : "never"}.
      </p>
    </ActDialog>
  );
}
