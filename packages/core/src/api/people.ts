import { z } from "zod";
import { PERSON_ROLES, ROLES } from "../access.ts";
import { Confinement } from "./projects.ts";
import { Instant } from "./runs.ts";

/** As people write it; it is kept in small letters. */
export const Email = z
  .email("write an e-mail address, such as ana@example.com")
  .max(254)
  .toLowerCase();

/** What is longer is not looked at; how long a password must be, is said where one is set. */
const Password = z.string().min(1).max(1000);

const RoleOfPerson = z
  .enum(PERSON_ROLES)
  .describe(
    "viewer looks, operator acts on runs, editor changes schedules, admin makes keys, adds people and sets secrets; each may what those before it may",
  );

export const AddPerson = z
  .strictObject({
    email: Email.describe("By which the person logs in; history has it as person: and this"),
    name: z.string().trim().min(1).max(100).optional().describe("As others call them"),
    role: RoleOfPerson,
    projects: Confinement.optional(),
  })
  .meta({ id: "AddPerson" });

export const ChangePerson = z
  .strictObject({ role: RoleOfPerson.optional(), projects: Confinement.optional() })
  .refine(({ role, projects }) => role !== undefined || projects !== undefined, {
    error: "give role or projects, or both; what is absent stays",
  })
  .meta({ id: "ChangePerson" });

export const PersonInfo = z
  .object({
    email: z.string(),
    name: z.string().nullable(),
    role: RoleOfPerson,
    roleFrom: z
      .enum(["hand", "claim"])
      .describe("Who says the role: people, or a claim of the sign-on at each login"),
    projects: Confinement,
    state: z
      .enum(["invited", "active", "disabled"])
      .describe("invited: there is no password yet, and no sign-on was used"),
    setupUntil: Instant.nullable().describe(
      "Until when a link works by which the person sets a password",
    ),
    password: z.boolean().describe("Whether there is one"),
    signOn: z.boolean().describe("Whether the person has logged in by the sign-on"),
    secondFactor: z.boolean().describe("Whether a login by the password asks for a code"),
    createdAt: Instant,
    createdBy: z.string(),
    loggedInAt: Instant.nullable(),
    disabledAt: Instant.nullable(),
  })
  .meta({ id: "Person" });

export type PersonInfo = z.infer<typeof PersonInfo>;

export const PersonList = z.object({ people: z.array(PersonInfo) }).meta({ id: "PersonList" });

export const InvitedPerson = PersonInfo.extend({
  setupCode: z
    .string()
    .describe("Sets a password on the page /set-password, once. It is shown this once"),
  setupLink: z
    .string()
    .nullable()
    .describe(
      "That page with the code; null when the server does not know its address (MILLRACE_PUBLIC_URL)",
    ),
}).meta({ id: "InvitedPerson" });

export type InvitedPerson = z.infer<typeof InvitedPerson>;

export const ChangedPerson = PersonInfo.extend({
  admins: z
    .int()
    .min(0)
    .describe("How many admins can log in now; with 0, the server's own key is what is left"),
}).meta({ id: "ChangedPerson" });

export type ChangedPerson = z.infer<typeof ChangedPerson>;

export const LogIn = z
  .strictObject({
    email: Email,
    password: Password,
    code: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe("Of the second factor, or a recovery code; of who has one"),
  })
  .meta({ id: "LogIn" });

export const ChangeOwnPassword = z
  .strictObject({
    password: Password.describe("The one of before"),
    newPassword: Password.describe("12 to 128 characters, of whatever kind"),
  })
  .meta({ id: "ChangeOwnPassword" });

export const SessionInfo = z
  .object({
    email: z.string(),
    name: z.string().nullable(),
    role: z.enum(ROLES),
    expiresAt: Instant.describe("It ends before, when it is not used for 8 hours"),
  })
  .meta({ id: "Session" });

export type SessionInfo = z.infer<typeof SessionInfo>;
