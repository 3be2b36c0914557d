import { MillraceError } from "@millrace/core";
import {
  MAX_OPEN_RUNS,
  OpenRuns,
  ReadOpenRuns,
  ReadRunRecord,
  RunRecord,
} from "@millrace/core/api";
import { listOpen, readRun } from "../../store/runs.ts";
import { openRecord, openRows } from "../../engine/subjects/open-content.ts";
import { readRecorded } from "../../store/steps.ts";
import { readWaits } from "../../store/waits.ts";
import { withStoredValues } from "../../value-store/stored-values.ts";
import { instant } from "../present/instant.ts";
import { type Api, ById, type Context } from "../route.ts";
import { JobByName } from "./jobs.ts";

/** Of inputs, in one answer. */
const MAX_OPEN_BYTES = 32 * 2 ** 20;

/** What new code, or a debugger, would meet: runs as they are on record. */
export function runRecordRoutes(app: Api, { db, values, subjects }: Context): void {
  app.get(
    "/api/v1/runs/:id/record",
    {
      schema: {
        tags: ["runs"],
        operationId: "readRunRecord",
        permission: "read",
        scope: { run: "id" },
        summary: "What a run has on record, with the values of its steps",
        description: "For a replay. It may have up to 32 MiB, with large values 128 MiB.",
        params: ById,
        querystring: ReadRunRecord,
        response: { 200: RunRecord },
        problems: ["run_not_found", "stored_value_lost", "value_store_failed", "subject_erased"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const [run] = await openRecord(subjects, await readRun(db, id));
      if (!run) throw new MillraceError("run_not_found", `there is no run ${id}`);
      const [checkpoints, waits] = await Promise.all([readRecorded(db, id), readWaits(db, id)]);
      const standing = waits.filter(({ kind }) => kind !== "effect");
      return {
        run: id,
        job: run.job,
        state: run.state,
        version: run.version,
        attempt: run.attempts + 1,
        trigger: run.trigger,
        correlationId: run.correlation_id,
        scheduledFor: instant(run.scheduled_for),
        input: run.input,
        output: run.output,
        checkpoints: await openRecord(
          subjects,
          request.query.stored ? await withStoredValues(values, id, checkpoints) : checkpoints,
        ),
        waits: standing.map(({ name, ordinal, kind, met, rest_ms: restMs }) => ({
          ...{ name, ordinal, kind },
          met: met || restMs === 0,
        })),
        effects: waits
          .filter(({ kind }) => kind === "effect")
          .map(({ name, ordinal, kind }) => ({ name, ordinal, kind })),
      };
    },
  );

  app.get(
    "/api/v1/jobs/:name/open-runs",
    {
      schema: {
        tags: ["jobs"],
        operationId: "listOpenRuns",
        permission: "read",
        scope: { job: "name" },
        summary: "Open runs of a job with their inputs, as new code would meet them",
        description: `Up to ${MAX_OPEN_RUNS} of each place where runs stand: queue, gate, worker, timer; as long as their inputs have no more than 32 MiB together. A job that is not registered may have some, too.`,
        params: JobByName,
        querystring: ReadOpenRuns,
        response: { 200: OpenRuns },
        problems: [],
      },
    },
    async (request) => {
      const { limit } = request.query;
      const found = await listOpen(db, request.params.name, limit, MAX_OPEN_BYTES);
      const runs = await openRows(subjects, found);
      return { runs, more: runs[0]?.more ?? false };
    },
  );
}
