import { CreateProject, MoveToProject, Name, ProjectInfo, ProjectList } from "@millrace/core/api";
import { z } from "zod";
import { addProject, moveToProject, removeProject } from "../../engine/projects.ts";
import { listProjects } from "../../store/projects.ts";
import { answerOnce } from "../answer-once.ts";
import { presentProject } from "../present/project.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const ProjectByName = z.strictObject({ name: Name });

export function projectRoutes(app: Api, { db, once }: Context): void {
  app.get(
    "/api/v1/projects",
    {
      schema: {
        tags: ["projects"],
        operationId: "listProjects",
        permission: "read",
        scope: "own",
        summary: "List projects",
        description: "By their names. Who is confined to some sees those.",
        querystring: NoQuery,
        response: { 200: ProjectList },
      },
    },
    async ({ caller }) => ({
      projects: (await listProjects(db, caller.projects)).map(presentProject),
    }),
  );

  app.post(
    "/api/v1/projects",
    {
      schema: {
        tags: ["projects"],
        operationId: "addProject",
        permission: "administer",
        scope: "installation",
        summary: "Add a project",
        querystring: NoQuery,
        body: CreateProject,
        once: "kept",
        response: { 201: ProjectInfo },
        problems: ["project_exists"],
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      await answerOnce<ProjectInfo>(once, request, reply, async (tx) => ({
        body: presentProject(await addProject(tx ?? db, request.caller, name)),
      }));
      return reply;
    },
  );

  app.post(
    "/api/v1/projects/:name/move",
    {
      schema: {
        tags: ["projects"],
        operationId: "moveToProject",
        permission: "administer",
        scope: "installation",
        summary: "Move jobs, queues and secrets to a project",
        description:
          "All of it, or none. Workers with the code of a job must be started with MILLRACE_PROJECT set to the project from then on; those that run go on.",
        params: ProjectByName,
        querystring: NoQuery,
        body: MoveToProject,
        response: { 200: ProjectInfo },
        problems: ["project_not_found", "unknown_job", "queue_not_found", "secret_not_found"],
      },
    },
    async ({ caller, params, body }) =>
      presentProject(await moveToProject(db, caller, params.name, body)),
  );

  app.delete(
    "/api/v1/projects/:name",
    {
      schema: {
        tags: ["projects"],
        operationId: "removeProject",
        permission: "administer",
        scope: "installation",
        summary: "Remove a project to which nothing belongs",
        params: ProjectByName,
        querystring: NoQuery,
        response: { 200: ProjectInfo },
        problems: ["project_not_found", "project_in_use"],
      },
    },
    async ({ caller, params }) => presentProject(await removeProject(db, caller, params.name)),
  );
}
