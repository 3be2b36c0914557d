import { answerOnce } from "../answer-once.ts";
import {
  AddPerson,
  ChangePerson,
  ChangedPerson,
  Email,
  InvitedPerson,
  PersonList,
} from "@millrace/core/api";
import { z } from "zod";
import {
  type ChangedPerson as Changed,
  type InvitedPerson as Invited,
  addPerson,
  changeAccess,
  disable,
  enable,
  reset,
  resetSecondFactor,
} from "../../engine/people.ts";
import { listPeople } from "../../store/people.ts";
import type { PeopleContext } from "../people-context.ts";
import { presentPerson } from "../present/person.ts";
import { type Api, NoQuery } from "../route.ts";

const PersonByEmail = z.strictObject({ email: Email });

const Empty = z.strictObject({}).optional();

export function personRoutes(app: Api, { db, once, sessions, publicUrl }: PeopleContext): void {
  const presentInvited = ({ row, code }: Invited): InvitedPerson => ({
    ...presentPerson(row),
    setupCode: code,
    setupLink: publicUrl === undefined ? null : `${publicUrl}/set-password?code=${code}`,
  });

  const presentChanged = ({ row, admins }: Changed): ChangedPerson => {
    sessions.forget();
    return { ...presentPerson(row), admins };
  };

  app.get(
    "/api/v1/people",
    {
      schema: {
        tags: ["people"],
        operationId: "listPeople",
        permission: "administer",
        scope: "installation",
        summary: "List people",
        description: "By their addresses, at most 10,000.",
        querystring: NoQuery,
        response: { 200: PersonList },
      },
    },
    async () => ({ people: (await listPeople(db)).map(presentPerson) }),
  );

  app.post(
    "/api/v1/people",
    {
      schema: {
        tags: ["people"],
        operationId: "addPerson",
        permission: "administer",
        scope: "installation",
        summary: "Add a person",
        description:
          "The answer has a code by which the person sets a password, once, within 24 hours; nobody can read it again.",
        querystring: NoQuery,
        body: AddPerson,
        once: "shown",
        response: { 201: InvitedPerson },
        problems: ["person_exists", "project_not_found"],
      },
    },
    async (request, reply) => {
      const { email, name = null, role, projects } = request.body;
      await answerOnce<InvitedPerson>(once, request, reply, async (tx) => {
        const invited = await addPerson(tx ?? db, request.caller, {
          ...{ email, name, role, projects },
        });
        return { body: presentInvited(invited), name: `person ${email}` };
      });
      return reply;
    },
  );

  app.patch(
    "/api/v1/people/:email",
    {
      schema: {
        tags: ["people"],
        operationId: "changePerson",
        permission: "administer",
        scope: "installation",
        summary: "Give a person another role, or other projects",
        description:
          "Their sessions end within 5 s: they log in again. A role that a claim of the sign-on gave is theirs by hand from then on.",
        params: PersonByEmail,
        querystring: NoQuery,
        body: ChangePerson,
        response: { 200: ChangedPerson },
        problems: ["person_not_found", "project_not_found"],
      },
    },
    async ({ caller, params: { email }, body }) =>
      presentChanged(await changeAccess(db, caller, email, body)),
  );

  app.post(
    "/api/v1/people/:email/disable",
    {
      schema: {
        tags: ["people"],
        operationId: "disablePerson",
        permission: "administer",
        scope: "installation",
        summary: "Let a person log in no more",
        description:
          "Their sessions end within 5 s. They stay in the list, so that history can be read.",
        params: PersonByEmail,
        querystring: NoQuery,
        body: Empty,
        response: { 200: ChangedPerson },
        problems: ["person_not_found"],
      },
    },
    async ({ caller, params: { email } }) => presentChanged(await disable(db, caller, email)),
  );

  app.post(
    "/api/v1/people/:email/enable",
    {
      schema: {
        tags: ["people"],
        operationId: "enablePerson",
        permission: "administer",
        scope: "installation",
        summary: "Let a person log in again",
        params: PersonByEmail,
        querystring: NoQuery,
        body: Empty,
        response: { 200: ChangedPerson },
        problems: ["person_not_found"],
      },
    },
    async ({ caller, params: { email } }) => presentChanged(await enable(db, caller, email)),
  );

  app.post(
    "/api/v1/people/:email/reset",
    {
      schema: {
        tags: ["people"],
        operationId: "resetPerson",
        permission: "administer",
        scope: "installation",
        summary: "Take a person's password away, and give a code by which they set another",
        description: "Their sessions end within 5 s.",
        params: PersonByEmail,
        querystring: NoQuery,
        body: Empty,
        response: { 200: InvitedPerson },
        problems: ["person_not_found", "person_disabled"],
      },
    },
    async ({ caller, params: { email } }) => {
      const invited = await reset(db, caller, email);
      sessions.forget();
      return presentInvited(invited);
    },
  );

  app.post(
    "/api/v1/people/:email/reset-second-factor",
    {
      schema: {
        tags: ["people"],
        operationId: "resetSecondFactor",
        permission: "administer",
        scope: "installation",
        summary: "Take a person's second factor away",
        description:
          "For who has lost the app and the recovery codes. Their sessions end within 5 s. Where their role must have one, they set it up at the next login.",
        params: PersonByEmail,
        querystring: NoQuery,
        body: Empty,
        response: { 200: ChangedPerson },
        problems: ["person_not_found"],
      },
    },
    async ({ caller, params: { email } }) =>
      presentChanged(await resetSecondFactor(db, caller, email)),
  );
}
