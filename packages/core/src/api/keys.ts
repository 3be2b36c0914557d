import { z } from "zod";
import { ROLES } from "../access.ts";
import { Confinement } from "./projects.ts";
import { Instant, LengthOfTime } from "./runs.ts";

const RoleOf = z
  .enum(ROLES)
  .describe(
    "viewer looks, operator acts on runs, editor changes schedules, admin makes keys and sets secrets; each may what those before it may. worker is for programs: it asks for runs and sends events",
  );

export const CreateApiKey = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]{0,99}$/,
        "use 1 to 100 letters, digits and blank . _ @ : / + -, a letter or digit first",
      )
      .describe("Who or what it is for; history has it as key: and this"),
    role: RoleOf,
    projects: Confinement.optional().describe(
      "To which it is confined; null for the whole installation. Default: as who makes it",
    ),
    expiresIn: LengthOfTime.optional().describe(
      "After how long it stops working, such as 90d; default: never",
    ),
  })
  .meta({ id: "CreateApiKey" });

export const RotateApiKey = z
  .strictObject({
    overlap: LengthOfTime.optional().describe(
      "For how long the old key still works, such as 1h; default: 24h",
    ),
  })
  .meta({ id: "RotateApiKey" });

export const ApiKeyInfo = z
  .object({
    id: z.string().describe("The second part of the key's text, by which it is told"),
    name: z.string(),
    role: RoleOf,
    projects: Confinement,
    state: z
      .enum(["valid", "expired", "revoked"])
      .describe("A server that has just seen a key believes it for 5 s"),
    createdAt: Instant,
    createdBy: z.string(),
    expiresAt: Instant.nullable(),
    revokedAt: Instant.nullable(),
    successor: z.string().nullable().describe("The id of the key that was made to take its place"),
    lastUsedAt: Instant.nullable().describe("To a minute"),
  })
  .meta({ id: "ApiKey" });

export type ApiKeyInfo = z.infer<typeof ApiKeyInfo>;

export const ApiKeyList = z.object({ keys: z.array(ApiKeyInfo) }).meta({ id: "ApiKeyList" });

export const CreatedApiKey = ApiKeyInfo.extend({
  key: z.string().describe("What to send as Authorization: Bearer. It is shown this once"),
}).meta({ id: "CreatedApiKey" });

export type CreatedApiKey = z.infer<typeof CreatedApiKey>;

export const WhoAmI = z
  .object({
    name: z.string().describe("As history has it"),
    role: RoleOf,
    projects: Confinement,
  })
  .meta({ id: "WhoAmI" });
