import { Checkup } from "@millrace/core/api";
import type { Doctor } from "../../engine/doctor/doctor.ts";
import { instant } from "../present/instant.ts";
import { type Api, NoQuery } from "../route.ts";

export function doctorRoute(app: Api, doctor: Doctor): void {
  app.get(
    "/api/v1/doctor",
    {
      schema: {
        tags: ["server"],
        operationId: "getCheckup",
        permission: "administer",
        scope: "installation",
        summary: "See what is well, and what is not, and how to mend it",
        description:
          "What millrace doctor looks at: the database, its schema and what grows in it, processes, workers, queues, schedules, secrets, and the process that answers. Two seconds at the most: what could not be looked at in that time is named. Whoever asks within three seconds, or ten times as long as the look took, is told the same.",
        querystring: NoQuery,
        response: { 200: Checkup },
      },
    },
    async () => {
      const { at, tookMs, findings } = await doctor.examine();
      return { at: instant(at), tookMs: Math.round(tookMs), findings };
    },
  );
}
