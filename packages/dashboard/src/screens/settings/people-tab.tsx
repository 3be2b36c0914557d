import { PERSON_ROLES, type PersonRole } from "@millrace/core";
import type { InvitedPerson, PersonInfo } from "@millrace/core/api";
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
import { listOf } from "./list-of.ts";
import { PEOPLE, PEOPLE_CHANGES } from "./people-path.ts";
import { PersonActs } from "./person-acts.tsx";
import { ROLE_WORDS } from "./role-words.ts";
import { ForAdmins } from "./for-admins.tsx";

/** People who log in: invited, given another role, helped in again, shut out. */
export function PeopleTab() {
  const [adding, setAdding] = useState(false);
  const [invited, setInvited] = useState<InvitedPerson>();
  return (
    <>
      <div class="tools">
        <p class="muted">They log in by a password, or by the sign-on that you have set up.</p>
        <div class="row">
          <ActionButton permission="administer" kind="primary" onPress={() => setAdding(true)}>
            Invite somebody
          </ActionButton>
        </div>
      </div>
      <ForAdmins what="People">{() => <PersonList onInvited={setInvited} />}</ForAdmins>
      {adding && <AddDialog onClose={() => setAdding(false)} onInvited={setInvited} />}
      {invited && (
        <OnceShown
          title={`The invitation of ${invited.email}`}
          secrets={
            invited.setupLink === null
              ? [["Code, for the page /set-password", invited.setupCode]]
              : [["Link, by which they set a password", invited.setupLink]]
          }
          onClose={() => setInvited(undefined)}
        />
      )}
    </>
  );
}

function PersonList({ onInvited }: { onInvited: (person: InvitedPerson) => void }) {
  const shown = useResource<{ people: PersonInfo[] }>(PEOPLE);
  return (
    <Given shown={shown} what="people">
      {({ people }) =>
        people.length === 0 ? (
          <Empty title="Nobody yet" command="millrace people add ana@example.com --role operator" />
        ) : (
          <ul class="entries">
            {people.map((person) => (
              <PersonEntry key={person.email} person={person} onInvited={onInvited} />
            ))}
          </ul>
        )
      }
    </Given>
  );
}

function PersonEntry({
  person,
  onInvited,
}: {
  person: PersonInfo;
  onInvited: (person: InvitedPerson) => void;
}) {
  const { email, name, role, roleFrom, projects, state, secondFactor, signOn } = person;
  const { loggedInAt, setupUntil } = person;
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name ?? email}</span>{" "}
        {name !== null && <span class="muted">{email}</span>}
        <p class="muted">
          {role}
          {roleFrom === "claim" && ", as the sign-on says"} ·{" "}
          {projects === null ? "whole installation" : projects.join(", ")} ·{" "}
          {secondFactor ? "second factor" : signOn ? "by sign-on" : "no second factor"} · last login{" "}
          {loggedInAt ? <Ago at={loggedInAt} /> : "never"}
          {state === "invited" && setupUntil && (
            <>
              {" "}
              · the link ends <Ago at={setupUntil} />
            </>
          )}
        </p>
      </div>
      <div class="entry-side">
        {state === "disabled" ? <span class="wrong">{state}</span> : state}
      </div>
      <PersonActs person={person} onInvited={onInvited} />
    </li>
  );
}

function AddDialog({
  onClose,
  onInvited,
}: {
  onClose: () => void;
  onInvited: (person: InvitedPerson) => void;
}) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState<PersonRole>("viewer");
  const [projects, setProjects] = useState("");
  const confined = listOf(projects);
  const body = {
    ...{ email: email.trim(), role },
    ...(name.trim() !== "" && { name: name.trim() }),
    ...(confined.length > 0 && { projects: confined }),
  };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<InvitedPerson>
      title="Invite somebody"
      verb="Make the invitation"
      permission="administer"
      why={email.includes("@") ? undefined : "Write an e-mail address"}
      onClose={onClose}
      run={() => act(PEOPLE, { body, idempotencyKey }, PEOPLE_CHANGES)}
      onDone={(person) => {
        toast(`${person.email} is invited`);
        onInvited(person);
      }}
    >
      <p>You get a link to give them: Millrace sends no mail.</p>
      <TextField label="E-mail address" maxLength={254} value={email} onChange={setEmail} />
      <TextField label="Name" maxLength={100} value={name} onChange={setName} />
      <ChoiceField
        label="Role"
        value={role}
        choices={PERSON_ROLES.map((one) => [one, ROLE_WORDS[one]] as const)}
        onChange={setRole}
      />
      <TextField
        label="Projects, with commas"
        hint="Empty: the whole installation."
        value={projects}
        onChange={setProjects}
      />
    </ActDialog>
  );
}
