import { z } from "zod";
import { SECRET_HOST_RULE, secretHost } from "../secret-host.ts";
import { MAX_SECRET_LENGTH, MIN_SECRET_LENGTH, SECRET_NAME_PATTERN } from "../secret-name.ts";
import { Instant, Name } from "./runs.ts";

const MAX_JOBS = 1000;

const MAX_HOSTS = 50;

export const SecretName = z
  .string()
  .regex(
    SECRET_NAME_PATTERN,
    "use upper case letters, digits and _, a letter first, 100 characters at most, such as CRM_TOKEN",
  );

export const SetSecret = z
  .strictObject({
    value: z
      .string()
      .min(MIN_SECRET_LENGTH)
      .max(MAX_SECRET_LENGTH)
      .optional()
      .describe("What handlers get. It is encrypted, and nobody can read it here again"),
    source: z
      .string()
      .max(1000)
      .optional()
      .describe(
        "Where workers find the value instead: env: and the name of a variable, file: and an absolute path, or vault:, aws:, gcp: or azure: and a place in that manager",
      ),
    jobs: z
      .array(Name)
      .min(1)
      .max(MAX_JOBS)
      .optional()
      .describe("The jobs that may have it; default: those of before"),
    allJobs: z
      .literal(true)
      .optional()
      .describe("Every job of its project that declares it may have it"),
    project: Name.optional().describe(
      "To which it is to belong when it is set first; default: the caller's own, else default",
    ),
    hosts: z
      .array(
        z
          .string()
          .max(300)
          .refine((host) => secretHost(host) !== undefined, { error: SECRET_HOST_RULE }),
      )
      .min(1)
      .max(MAX_HOSTS)
      .optional()
      .describe(
        "The hosts that it may be sent to, with a port if not 443. Handlers get no text then, but what ctx.fetch sends there alone; default: those of before",
      ),
    anyHost: z
      .literal(true)
      .optional()
      .describe("Handlers get it as text, and may send it anywhere"),
    expiresAt: Instant.optional().describe(
      "When this value stops working at the other side: an alert says so before. It is given to handlers all the same; default: never",
    ),
  })
  .refine(({ value, source }) => (value === undefined) !== (source === undefined), {
    error: "give either value or source",
  })
  .refine(({ jobs, allJobs }) => jobs === undefined || allJobs === undefined, {
    error: "give jobs or allJobs, not both",
  })
  .refine(({ hosts, anyHost }) => hosts === undefined || anyHost === undefined, {
    error: "give hosts or anyHost, not both",
  })
  .meta({ id: "SetSecret" });

export const SecretInfo = z
  .object({
    name: z.string(),
    project: z.string().describe("To which it belongs"),
    version: z.int().describe("Of its value, or source; counts from 1"),
    source: z.string().nullable().describe("Where workers find it; null for one that is stored"),
    jobs: z
      .array(z.string())
      .nullable()
      .describe("The jobs that may have it; null for all of its project"),
    hosts: z
      .array(z.string())
      .nullable()
      .describe("The hosts that it is sent to alone; null where handlers get it as text"),
    keyId: z
      .string()
      .nullable()
      .describe("The key that it is encrypted under; null for one that is not stored"),
    expiresAt: Instant.nullable().describe("When it stops working, as whoever set it has said"),
    createdAt: Instant,
    createdBy: z.string(),
    changedAt: Instant,
    changedBy: z.string(),
  })
  .meta({ id: "Secret" });

export type SecretInfo = z.infer<typeof SecretInfo>;

export const SecretList = z.object({ secrets: z.array(SecretInfo) }).meta({ id: "SecretList" });

export const RotatedSecrets = z
  .object({
    keyId: z.string().nullable().describe("The newest key; null while there is none"),
    rewrapped: z.int().describe("How many were under another key, and are under this now"),
    subjects: z.int().describe("The keys of so many subjects of runs were, and are, too"),
    unopened: z
      .array(z.string())
      .describe("Those that stayed as they were, because no key opens them; set them anew"),
  })
  .meta({ id: "RotatedSecrets" });
