import { RotatedSecrets, SecretInfo, SecretList, SecretName, SetSecret } from "@millrace/core/api";
import { z } from "zod";
import { rotateSecrets } from "../../engine/rotate-secrets.ts";
import { removeSecret, setSecret } from "../../engine/secrets.ts";
import { listSecrets } from "../../store/secrets.ts";
import { presentSecret } from "../present/secret.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const SecretByName = z.strictObject({ name: SecretName });

export function secretRoutes(app: Api, { db, secretKeys }: Context): void {
  app.get(
    "/api/v1/secrets",
    {
      schema: {
        tags: ["secrets"],
        operationId: "listSecrets",
        permission: "administer",
        scope: "own",
        summary: "List secrets, by name",
        description: "What they are called and who may have them. Nothing here gives a value.",
        querystring: NoQuery,
        response: { 200: SecretList },
      },
    },
    async ({ caller }) => ({
      secrets: (await listSecrets(db, caller.projects)).map(presentSecret),
    }),
  );

  app.put(
    "/api/v1/secrets/:name",
    {
      schema: {
        tags: ["secrets"],
        operationId: "setSecret",
        permission: "administer",
        scope: "own",
        summary: "Set a secret, or give it another value",
        description:
          "Workers know of it within 30 s. One end of a line at the end of the value is taken away. What the value was before is gone.",
        params: SecretByName,
        querystring: NoQuery,
        body: SetSecret,
        response: { 200: SecretInfo },
        problems: ["secret_key_missing", "project_not_found", "name_taken"],
      },
    },
    async (request) => {
      const { value, source, jobs, allJobs, hosts, anyHost, project, expiresAt } = request.body;
      const row = await setSecret(db, request.caller, secretKeys, {
        name: request.params.name,
        given: value === undefined ? { source: source! } : { value },
        jobs: allJobs ? "all" : jobs,
        hosts: anyHost ? "any" : hosts,
        project,
        expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
      });
      return presentSecret(row);
    },
  );

  app.delete(
    "/api/v1/secrets/:name",
    {
      schema: {
        tags: ["secrets"],
        operationId: "removeSecret",
        permission: "administer",
        scope: { secret: "name" },
        summary: "Remove a secret",
        description: "Workers that have loaded it give it to runs for 30 s still.",
        params: SecretByName,
        querystring: NoQuery,
        response: { 200: SecretInfo },
        problems: ["secret_not_found"],
      },
    },
    async (request) => presentSecret(await removeSecret(db, request.caller, request.params.name)),
  );

  app.post(
    "/api/v1/secrets/rotate",
    {
      schema: {
        tags: ["secrets"],
        operationId: "rotateSecrets",
        permission: "administer",
        scope: "installation",
        summary: "Encrypt all secrets under the newest key",
        description:
          "That is the first of MILLRACE_SECRET_KEYS. They are read meanwhile. Afterwards no secret is under an older key, and it can be taken away.",
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: RotatedSecrets },
        problems: ["secret_key_missing"],
      },
    },
    async (request) => rotateSecrets(db, request.caller, secretKeys),
  );
}
