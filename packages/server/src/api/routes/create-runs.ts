import { MillraceError } from "@millrace/core";
import { AcceptedRun, CreateRun, CreateRuns, CreatedRuns, MAX_BULK } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { RunRequest } from "../../engine/intake.ts";
import { type Fields, isRefusal, placed, runRequest } from "../accept.ts";
import { presentAccepted } from "../present/run.ts";
import { problemOf } from "../problem.ts";
import { answerOnce } from "../answer-once.ts";
import { idempotencyKey } from "../request-identity.ts";
import { check, validatorCompiler } from "../request-schema.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

/** 1,000 runs of 8 KiB each. The limit of one input is the intake's. */
const MAX_BULK_BYTES = 8 * 1024 * 1024;

/** The outer shape only: a run that is malformed must not hold up the others. */
const AnyRuns = z.strictObject({ runs: z.array(z.unknown()).min(1).max(MAX_BULK) });

export function createRunRoutes(app: Api, { starter, observer, once }: Context): void {
  app.post(
    "/api/v1/runs",
    {
      schema: {
        tags: ["runs"],
        operationId: "createRun",
        permission: "start",
        scope: "own",
        summary: "Ask for a run",
        description:
          "Answers 201 when the run is durable, or 200 when the call became a run that was there already: by its idempotency key, or because its job is debounced or throttled. The key may come in the body or in the header Idempotency-Key; with the header, whoever repeats the request gets the same answer, too. The header X-Correlation-Id is kept with the run unless the body has a correlationId; without either it is the id of the request.",
        querystring: NoQuery,
        body: CreateRun,
        once: "kept",
        response: { 200: AcceptedRun, 201: AcceptedRun },
        problems: [
          "invalid_input",
          "unknown_job",
          "queue_not_found",
          "idempotency_key_reused",
          "subject_erased",
          "secret_key_missing",
          "queue_full",
          "queue_drained",
          "job_disabled",
        ],
      },
    },
    async (request, reply) => {
      const asked = runRequest(request.body, request, idempotencyKey(request));
      await answerOnce<AcceptedRun>(once, request, reply, async (tx) => {
        const run = await starter.accept(request.caller, asked, tx).catch((error: unknown) => {
          throw placed(error, fieldsAt(""));
        });
        return {
          status: run.created ? 201 : 200,
          location: `/api/v1/runs/${run.id}`,
          body: presentAccepted(run),
          after: () => {
            if (run.created) observer.accepted(asked.job);
            if (tx) starter.ring([{ run }]);
          },
        };
      });
      return reply;
    },
  );

  app.post(
    "/api/v1/runs/bulk",
    {
      bodyLimit: MAX_BULK_BYTES,
      config: { itemsIn: "runs" },
      schema: {
        tags: ["runs"],
        operationId: "createRuns",
        permission: "start",
        scope: "own",
        summary: "Ask for many runs",
        description:
          "Up to 1,000 at once, in their order. Each has a result of its own: one that is refused does not hold up the others.",
        querystring: NoQuery,
        body: CreateRuns,
        once: "kept",
        response: { 200: CreatedRuns },
      },
      validatorCompiler: (route) =>
        validatorCompiler({
          httpPart: route.httpPart,
          // Fastify hands over the schema of one part, whatever its types say.
          schema: route.httpPart === "body" ? AnyRuns : (route.schema as unknown as z.ZodType),
        }),
    },
    async (request, reply) => {
      const asked = request.body.runs.map((item, index) => readItem(item, index, request));
      const good = asked.filter((item) => "job" in item);
      await answerOnce<CreatedRuns>(once, request, reply, async (tx) => {
        const all = await starter.acceptMany(request.caller, good, tx);
        const accepted = all.values();
        const created: string[] = [];
        const results = asked.map((item, index): CreatedRuns["results"][number] => {
          if (!("job" in item)) return { error: problemOf(item.error) };
          const result = accepted.next().value;
          if (!result) throw new Error("the intake gave fewer results than it was asked for");
          if ("error" in result) return refusal(result.error, index);
          if (result.run.created) created.push(item.job);
          return presentAccepted(result.run);
        });
        const refused = results.filter((result) => "error" in result).length;
        return {
          status: 200,
          body: { accepted: results.length - refused, refused, results },
          after: () => {
            for (const job of created) observer.accepted(job);
            if (tx) starter.ring(all);
          },
        };
      });
      return reply;
    },
  );
}

function readItem(
  item: unknown,
  index: number,
  request: FastifyRequest,
): RunRequest | { error: MillraceError } {
  if (item instanceof MillraceError) return { error: item };
  try {
    const run = check(CreateRun, item, ["runs", index]);
    return runRequest(run, request, undefined, `/runs/${index}`);
  } catch (error) {
    if (isRefusal(error)) return { error };
    throw error;
  }
}

function refusal(error: MillraceError, index: number): { error: ReturnType<typeof problemOf> } {
  const told = placed(error, fieldsAt(`/runs/${index}`));
  if (isRefusal(told)) return { error: problemOf(told) };
  throw told;
}

function fieldsAt(path: string): Fields {
  return { job: `${path}/job`, input: `${path}/input`, queue: `${path}/queue` };
}
