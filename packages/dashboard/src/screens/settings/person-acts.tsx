import { PERSON_ROLES, type PersonRole } from "@millrace/core";
import type { InvitedPerson, PersonInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { ActDialog } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { ChoiceField } from "../../parts/choice-field.tsx";
import { toast } from "../../parts/toast.tsx";
import { PEOPLE, PEOPLE_CHANGES } from "./people-path.ts";
import { ROLE_WORDS } from "./role-words.ts";

type What = "role" | "password" | "factor" | "disable";

/** What an admin does for, or to, somebody. */
export function PersonActs({
  person,
  onInvited,
}: {
  person: PersonInfo;
  onInvited: (person: InvitedPerson) => void;
}) {
  const [doing, setDoing] = useState<What>();
  const { email, state, secondFactor, roleFrom } = person;
  const path = `${PEOPLE}/${encodeURIComponent(email)}`;
  const shutOut = state === "disabled" ? "They are disabled" : undefined;
  const dialog = { email, path, onClose: () => setDoing(undefined) };
  const enable = async () => {
    const result = await act(`${path}/enable`, {}, PEOPLE_CHANGES);
    if (result.ok) toast(`${email} may log in again`);
    else toast(result.trouble.detail, "bad");
  };
  return (
    <div class="entry-acts">
      <ActionButton
        permission="administer"
        why={roleFrom === "claim" ? "The sign-on says the role, at each login" : undefined}
        onPress={() => setDoing("role")}
      >
        Role…
      </ActionButton>
      <ActionButton permission="administer" why={shutOut} onPress={() => setDoing("password")}>
        New link…
      </ActionButton>
      <ActionButton
        permission="administer"
        why={secondFactor ? undefined : "There is no second factor"}
        onPress={() => setDoing("factor")}
      >
        Reset second factor…
      </ActionButton>
      {state === "disabled" ? (
        <ActionButton permission="administer" onPress={() => void enable()}>
          Enable
        </ActionButton>
      ) : (
        <ActionButton permission="administer" kind="danger" onPress={() => setDoing("disable")}>
          Disable…
        </ActionButton>
      )}
      {doing === "role" && <RoleDialog {...dialog} role={person.role} />}
      {doing === "password" && (
        <ActDialog<InvitedPerson>
          title={`A new link for ${email}`}
          verb="Take the password away, and make a link"
          kind="danger"
          permission="administer"
          onClose={dialog.onClose}
          run={() => act(`${path}/reset`, {}, PEOPLE_CHANGES)}
          onDone={onInvited}
        >
          <p>
            Their password does not work any more, and their sessions end within 5 seconds. By the
            link they set another one.
          </p>
        </ActDialog>
      )}
      {doing === "factor" && (
        <ActDialog
          title={`Reset the second factor of ${email}`}
          verb="Take the second factor away"
          kind="danger"
          permission="administer"
          onClose={dialog.onClose}
          run={() => act(`${path}/reset-second-factor`, {}, PEOPLE_CHANGES)}
          onDone={() => toast(`${email} logs in without a code now`)}
        >
          <p>
            For who has lost the app and the recovery codes: be sure that it is them. Their sessions
            end within 5 seconds.
          </p>
        </ActDialog>
      )}
      {doing === "disable" && (
        <ActDialog
          title={`Disable ${email}`}
          verb="Disable 1 person"
          kind="danger"
          permission="administer"
          typed={email}
          onClose={dialog.onClose}
          run={() => act(`${path}/disable`, {}, PEOPLE_CHANGES)}
          onDone={() => toast(`${email} is disabled`)}
        >
          <p>They cannot log in, and their sessions end within 5 seconds. It can be taken back.</p>
        </ActDialog>
      )}
    </div>
  );
}

function RoleDialog({
  email,
  path,
  role,
  onClose,
}: {
  email: string;
  path: string;
  role: PersonRole;
  onClose: () => void;
}) {
  const [chosen, setChosen] = useState<PersonRole>(role);
  return (
    <ActDialog
      title={`The role of ${email}`}
      verb={`Make them ${chosen}`}
      permission="administer"
      why={chosen === role ? "They have it already" : undefined}
      onClose={onClose}
      run={() => act(path, { method: "PATCH", body: { role: chosen } }, PEOPLE_CHANGES)}
      onDone={() => toast(`${email} is ${chosen} now`)}
    >
      <ChoiceField
        label="Role"
        value={chosen}
        choices={PERSON_ROLES.map((one) => [one, ROLE_WORDS[one]] as const)}
        onChange={setChosen}
      />
    </ActDialog>
  );
}
