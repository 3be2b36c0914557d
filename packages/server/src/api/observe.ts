import type { FastifyReply, FastifyRequest } from "fastify";
import { BoundedLabel, Counter, Gauge, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Sparing } from "../runtime/sparing.ts";
import { type Database, inTransaction, sqlState } from "../store/database.ts";
import { HELD_REASONS, countHeld } from "../store/held.ts";
import { countOperations } from "../store/operations.ts";
import { countPlaces } from "../store/places.ts";

/** More jobs than this are counted together: a metric must not grow with what people name. */
const MAX_JOB_LABELS = 500;

const QUERY_CANCELED = "57014";

/** What the API counts and logs. */
export class Observer {
  readonly #logger: Logger;
  readonly #accepted: Counter<"job">;
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #durations: Histogram<"method" | "route">;
  readonly #jobs = new BoundedLabel(MAX_JOB_LABELS);

  constructor(registry: Registry, logger: Logger) {
    const registers = [registry];
    this.#logger = logger;
    this.#accepted = new Counter({
      name: "millrace_runs_accepted_total",
      help: "New runs that this process accepted over HTTP, reruns not counted",
      labelNames: ["job"],
      registers,
    });
    this.#requests = new Counter({
      name: "millrace_http_requests_total",
      help: "HTTP requests that were answered",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#durations = new Histogram({
      name: "millrace_http_request_duration_seconds",
      help: "Time from the first line of a request to the end of its answer",
      labelNames: ["method", "route"],
      registers,
    });
  }

  accepted(job: string): void {
    this.#accepted.inc({ job: this.#jobs.of(job) });
  }

  /** One line a request, quiet when all is well: at thousands a second the lines would cost more than the answers. */
  answered(request: FastifyRequest, reply: FastifyReply): void {
    const { method } = request.raw;
    const status = reply.statusCode;
    // The pattern, not the path: ids in a label would be a series each.
    const route = request.routeOptions.url ?? "unmatched";
    const known = { method: route === "unmatched" ? "any" : (method ?? ""), route };
    this.#requests.inc({ ...known, status });
    this.#durations.observe(known, reply.elapsedTime / 1000);

    // That the server is not well is said by what is not well; a probe every second need not repeat it.
    const probe = route === "/healthz";
    const level = probe || status < 400 ? "debug" : status >= 500 ? "error" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    const { failure } = request;
    this.#logger[level](
      {
        requestId: request.id,
        caller: request.caller?.name,
        method,
        // Without the query string: people put secrets there.
        path: request.raw.url?.split("?", 1)[0]?.slice(0, 200),
        status,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ...(failure && { code: failure.code }),
        ...(failure && status >= 500 && { err: failure.cause ?? failure }),
      },
      "request",
    );
  }
}

/**
 * How many runs stand where, and what operations have to do, counted when somebody asks. Without the database only `millrace_database_up` says so.
 *
 * Counting reads all that waits: its cost follows the backlog, never the history. So it takes a tenth of the time at the
 * most, however many ask, and is given up after two seconds; then the counts are missing, and the database is up.
 */
export function measurePlaces(registry: Registry, db: Database): void {
  const registers = [registry];
  const counted = new Sparing(
    () =>
      inTransaction(db, async (tx) => {
        await tx.query({ text: "set local statement_timeout = '2s'" });
        return {
          places: await countPlaces(tx),
          held: await countHeld(tx),
          operations: await countOperations(tx),
        };
      }).catch((error: unknown) => {
        if (sqlState(error) === QUERY_CANCELED) return null;
        throw error;
      }),
    0,
  );
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const places = {
    queued: gauge("millrace_runs_queued", "Runs that may start now"),
    running: gauge("millrace_runs_running", "Runs that a worker holds"),
    scheduled: gauge("millrace_runs_scheduled", "Runs that are not due yet"),
    waiting: gauge(
      "millrace_runs_waiting",
      "Runs whose steps wait: for a time, or for an event; or that are parked",
    ),
    parked: gauge("millrace_runs_parked", "Runs whose code does not come to what is on record"),
    dead_letters: gauge("millrace_dead_letters", "Failed runs that nobody has handled"),
    doubts: gauge(
      "millrace_effects_in_doubt",
      "Effects of which a person must say whether they happened",
    ),
    approvals: gauge("millrace_approvals_waiting", "Approvals that nobody has answered yet"),
    oldest_seconds: gauge(
      "millrace_oldest_ready_seconds",
      "How long the oldest run that may start, or is held back, has waited",
    ),
  };
  const held = new Gauge({
    name: "millrace_runs_held",
    help: "Runs that a limit, a rate, a pause or an unfilled batch holds back, by what does",
    labelNames: ["reason"],
    registers,
  });
  const operations = new Gauge({
    name: "millrace_operations",
    help: "Operations over dead letters that have not ended",
    labelNames: ["state"],
    registers,
  });
  const members = gauge(
    "millrace_operation_members_waiting",
    "Dead letters that operations which have not ended are still to handle",
  );
  const up: Gauge = new Gauge({
    name: "millrace_database_up",
    help: "1 when the database answered this scrape",
    registers,
    collect: async () => {
      const answer = await counted.read().catch(() => undefined);
      up.set({}, answer === undefined ? 0 : 1);
      const counts = answer?.places ?? [];
      for (const [place, metric] of Object.entries(places)) {
        metric.reset();
        for (const count of counts) metric.set({}, count[place as keyof typeof places]);
      }
      for (const metric of [held, operations, members]) metric.reset();
      if (!answer) return;
      for (const reason of HELD_REASONS) {
        held.set({ reason }, answer.held.find((row) => row.reason === reason)?.runs ?? 0);
      }
      for (const { running, paused, waiting } of answer.operations) {
        operations.set({ state: "running" }, running);
        operations.set({ state: "paused" }, paused);
        members.set({}, waiting);
      }
    },
  });
}
