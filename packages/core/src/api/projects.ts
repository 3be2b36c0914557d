import { z } from "zod";
import { Instant, Name } from "./runs.ts";
import { SecretName } from "./secrets.ts";

/** Of each kind in one request. */
const MAX_MOVED = 1000;

/** To which somebody is to be confined. */
export const Confinement = z
  .array(Name)
  .min(1)
  .max(100)
  .nullable()
  .describe(
    "The projects to which they are confined: what belongs to others is not there for them. Null for the whole installation",
  );

export const CreateProject = z
  .strictObject({ name: Name.describe("The project's name") })
  .meta({ id: "CreateProject" });

export const MoveToProject = z
  .strictObject({
    jobs: z
      .array(Name)
      .min(1)
      .max(MAX_MOVED)
      .optional()
      .describe(
        "With their runs, their schedules, the endpoints that start them and the subscriptions to them alone",
      ),
    queues: z.array(Name).min(1).max(MAX_MOVED).optional(),
    secrets: z.array(SecretName).min(1).max(MAX_MOVED).optional(),
  })
  .refine(({ jobs, queues, secrets }) => (jobs ?? queues ?? secrets) !== undefined, {
    error: "give jobs, queues or secrets",
  })
  .meta({ id: "MoveToProject" });

export type MoveToProject = z.infer<typeof MoveToProject>;

export const ProjectInfo = z
  .object({
    name: z.string(),
    createdAt: Instant,
    createdBy: z.string(),
    jobs: z.int().describe("How many belong to it; so the others"),
    queues: z.int(),
    secrets: z.int(),
    webhooks: z.int().describe("In and out"),
  })
  .meta({ id: "Project" });

export type ProjectInfo = z.infer<typeof ProjectInfo>;

export const ProjectList = z.object({ projects: z.array(ProjectInfo) }).meta({ id: "ProjectList" });
