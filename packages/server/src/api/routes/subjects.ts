import { EraseSubject, ErasedSubject } from "@millrace/core/api";
import { eraseSubject, previewErasure } from "../../engine/subjects/erase.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export function subjectRoutes(app: Api, { db, subjects }: Context): void {
  app.post(
    "/api/v1/subjects/erase",
    {
      schema: {
        tags: ["subjects"],
        operationId: "eraseSubject",
        permission: "administer",
        scope: "installation",
        summary: "Make what runs keep of a subject unreadable, for good",
        description:
          "Destroys the key of the subject. All that its runs have kept reads [erased], in all processes within 5 s; how many they were, and how they ended, stays. Those that are open are cancelled. To erase again does no harm. In the body, because a name in an address would be in logs.",
        querystring: NoQuery,
        body: EraseSubject,
        response: { 200: ErasedSubject },
        problems: ["subject_not_found", "secret_key_missing"],
      },
    },
    async (request) => {
      const { subject: name, forget, dryRun } = request.body;
      const erased = dryRun
        ? await previewErasure(db, request.caller, subjects, name)
        : await eraseSubject(db, request.caller, subjects, { name, forget });
      return { ...erased, erasedAt: instant(erased.erasedAt) };
    },
  );
}
