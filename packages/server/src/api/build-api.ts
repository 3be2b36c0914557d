import { type PersonRole, withExactNumbers } from "@millrace/core";
import {
  fastify,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from "fastify";
import { serializerCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { LoadMeter } from "../engine/load-meter.ts";
import type { Kept as KeptFolder } from "../engine/doctor/check-disk.ts";
import { Doctor } from "../engine/doctor/doctor.ts";
import { Emitter } from "../engine/emitter.ts";
import type { Kept } from "../engine/history/outlook.ts";
import { Once } from "../engine/once.ts";
import { Receiver } from "../engine/webhooks/receiver.ts";
import type { Intake } from "../engine/intake.ts";
import { Starter } from "../engine/start.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Caller } from "../security/caller.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import { AllowedHosts } from "@millrace/sdk/http";
import { OutboundGuard } from "@millrace/sdk/http";
import type { SecretSources } from "../security/secret-source.ts";
import { Passwords } from "../security/passwords.ts";
import type { SignOn } from "../security/sign-on.ts";
import type { Registry } from "../telemetry/metrics.ts";
import { refuseKeyInVain } from "./answer-once.ts";
import {
  authenticate,
  authenticateAgain,
  authorise,
  demandPermission,
  requireOwn,
} from "./authenticate.ts";
import { Callers } from "./callers.ts";
import { readDashboardFiles } from "./dashboard-files.ts";
import type { ValueStore } from "../value-store/value-store.ts";
import { endConnectionsOnClose } from "./connections.ts";
import { EventStreams } from "./event-streams.ts";
import { answerClientError, notFound, sendProblem } from "./error-handler.ts";
import { acceptJsonOnly, jsonOf, refuseBodyInVain } from "./json-body.ts";
import { Live } from "./live/live.ts";
import { noteRefusals } from "./note-refusals.ts";
import { CallerRates } from "./rates.ts";
import { watchMethods } from "./method-not-allowed.ts";
import { Observer } from "./observe.ts";
import type { OwnSessions } from "./own-sessions.ts";
import { measurePlaces } from "./measure-places.ts";
import { LogFeed } from "./log-feed/log-feed.ts";
import { LogTails } from "./log-tails.ts";
import { LookTurns } from "./look-turns.ts";
import { measureQueues } from "./measure-queues.ts";
import { refuseConditionInVain, tagAnswers } from "./etag.ts";
import { describeRoutes } from "./openapi.ts";
import { traceRequests } from "./trace-requests.ts";
import type { PeopleContext } from "./people-context.ts";
import { requestId } from "./request-identity.ts";
import { validatorCompiler } from "./request-schema.ts";
import type { Context } from "./route.ts";
import { Origins } from "./same-origin.ts";
import { Sessions } from "./sessions.ts";
import { apiKeyRoutes } from "./routes/api-keys.ts";
import { approvalLinkRoutes } from "./routes/approval-link.ts";
import { approvalRoutes } from "./routes/approvals.ts";
import { auditRoutes } from "./routes/audit.ts";
import { automationRoutes } from "./routes/automations.ts";
import { createRunRoutes } from "./routes/create-runs.ts";
import { dashboardRoutes } from "./routes/dashboard.ts";
import { doctorRoute } from "./routes/doctor.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { doubtRoutes } from "./routes/doubts.ts";
import { eventRoutes } from "./routes/events.ts";
import { type Health, healthRoutes } from "./routes/health.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { explainRoutes } from "./routes/explain.ts";
import { agendaRoute } from "./routes/agenda.ts";
import { errorGroupRoutes } from "./routes/error-groups.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { incidentRoutes } from "./routes/incidents.ts";
import { viewRoutes } from "./routes/views.ts";
import { liveRoute } from "./routes/live.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { alertRuleRoutes } from "./routes/alert-rules.ts";
import { alertSilenceRoutes } from "./routes/alert-silences.ts";
import { alertTargetRoutes } from "./routes/alert-targets.ts";
import { loginRoutes } from "./routes/login.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { ownSessionRoutes } from "./routes/own-session.ts";
import { pauseRoutes } from "./routes/pauses.ts";
import { personRoutes } from "./routes/people.ts";
import { projectRoutes } from "./routes/projects.ts";
import { publishedRoutes } from "./routes/published.ts";
import { queueLimitRoutes } from "./routes/queue-limits.ts";
import { occurrenceRoutes } from "./routes/occurrences.ts";
import { operationRoutes } from "./routes/operations.ts";
import { queueRoutes } from "./routes/queues.ts";
import { retentionRoute } from "./routes/retention.ts";
import { referenceRoutes } from "./routes/reference.ts";
import { runRecordRoutes } from "./routes/run-record.ts";
import { runCommandRoutes } from "./routes/run-commands.ts";
import { runGraphRoute } from "./routes/run-graph.ts";
import { runStepsRoute } from "./routes/run-steps.ts";
import { lineRoutes } from "./routes/lines.ts";
import { runLogRoutes } from "./routes/run-log.ts";
import { exportRunsRoute } from "./routes/export-runs.ts";
import { runRoutes } from "./routes/runs.ts";
import { measureScaling, scalingRoute } from "./routes/scaling.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { secondFactorRoutes } from "./routes/second-factor.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { subjectRoutes } from "./routes/subjects.ts";
import { sessionRoutes } from "./routes/session.ts";
import { signOnRoutes } from "./routes/sign-on.ts";
import { workerRoutes } from "./routes/workers.ts";

export interface ApiOptions {
  db: Database;
  /** For what is told to all who watch: a pool of its own, or one on a replica. Default `db`. */
  liveDb?: Database;
  intake: Intake;
  /** Called with a queue of which a pause or a limit has been taken away, or in which a run was woken, so that workers look at once. */
  ring(queue: string): void;
  /** Where large values of steps are, if there is such a place. */
  values?: ValueStore | undefined;
  /** 16 characters at the least. */
  apiKey: string;
  /** Under which secrets are encrypted. */
  secretKeys: SecretKeys;
  /** Where secrets of webhooks are that refer to something. Default: this process looks nowhere. */
  secretSources?: SecretSources;
  /** What URLs that others write are held to. Default: no inner address. */
  guard?: OutboundGuard;
  logger: Logger;
  version: string;
  /** For `/healthz`, which anybody may read, as they may the next: their texts hold nothing secret. */
  health(): Promise<Health>;
  /** For `/readyz`. Default: the same. */
  ready?: () => Promise<Health>;
  /** The address that people have for the server, when it knows it. */
  publicUrl?: string | undefined;
  /** By whom else people may be told; default nobody. */
  signOn?: SignOn | undefined;
  /** Addresses and networks of proxies, which are believed when they say for whom they ask. Default none. */
  trustedProxies?: readonly string[] | undefined;
  /** The roles that must have a second factor when they log in by a password; default none. */
  requireSecondFactor?: readonly PersonRole[] | undefined;
  /** Default: as strong as they should be. */
  passwords?: Passwords | undefined;
  /** Whether spans are recorded in this process. Default: no. */
  traced?: boolean | undefined;
  /** The address of a trace, with `{traceId}` in the place of its id, as runs show it. */
  traceUrl?: string | undefined;
  /** How long servers keep runs and their logs, in milliseconds, as people are told. Default: for ever. */
  kept?: Kept | undefined;
  /** Where the database is, as the doctor tells people. Default: it does not say. */
  databasePlace?: string | undefined;
  /** Folders of this machine in which something is kept, for the doctor. Default none. */
  keptFolders?: readonly KeptFolder[] | undefined;
  /** Of who comes by a link of the server's own key. Only for a server that is reached from its own machine alone; default none. */
  ownSessions?: OwnSessions | undefined;
  /** Where this adds its metrics, and what `/metrics` shows. */
  metrics: Registry;
  /** How long a request may take to arrive, in milliseconds. Default 30,000. */
  requestTimeoutMs?: number;
  /** How often it is put on record who was refused, in milliseconds. Default 10 minutes. */
  refusalsEveryMs?: number;
  /** That each caller may send to this process, and as many at once; 0 for as many as they like. Default 1,000. */
  requestsPerSecond?: number;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** Longer than any statement may take, so that it ends only connections on which nothing happens. */
const CONNECTION_TIMEOUT_MS = 60_000;

const nowhere = { resolve: () => Promise.reject(new Error("this process does not look there")) };
const NO_SOURCES: SecretSources = { env: nowhere, file: nowhere };

/** The HTTP server, ready to listen. Whoever listens, closes it: then it answers what is under way, and ends. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const {
    db,
    intake,
    ring,
    secretKeys,
    secretSources = NO_SOURCES,
    guard = new OutboundGuard(new AllowedHosts([])),
    logger,
    version,
    metrics,
    requestTimeoutMs = 30_000,
    requestsPerSecond = 1000,
  } = options;
  const callers = new Callers(db, options.apiKey, logger);
  const sessions = new Sessions(db, logger);
  const origins = new Origins(options.publicUrl);
  const rates = new CallerRates(requestsPerSecond);
  const { ownSessions: own } = options;
  const doors = { callers, own, sessions, origins, rates };
  const observer = new Observer(metrics, logger);
  // As Fastify sees it, so that this server is of the type that its users know.
  // What the framework has to say when all is well, such as where it listens, is said by whoever started it.
  const level = logger.isLevelEnabled("warn") ? "warn" : logger.level;
  const loggerInstance = logger.child({}, { level }) as unknown as FastifyBaseLogger;

  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: requestId,
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    http: {
      // Node takes the longer of the two for the whole request, whichever it is; its default is a minute.
      headersTimeout: Math.min(10_000, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(5000, requestTimeoutMs / 2),
    },
    // A server that drains answers until it is closed.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    // A path that cannot be routed at all passes no hook, so its request goes through them here.
    frameworkErrors: (error, request, reply) => {
      prepare(request, (name, value) => reply.header(name, value));
      const answer = (told: unknown) => {
        sendProblem(told, request, reply);
        observer.answered(request, reply);
      };
      authenticate(doors, request, reply).then(() => answer(error), answer);
    },
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler((route) => {
    const write = serializerCompiler(route as never);
    return (answer) => withExactNumbers(write(answer));
  });
  acceptJsonOnly(app);
  endConnectionsOnClose(app);
  const streams = new EventStreams({
    metrics,
    stillMay: (request, thorough) => authenticateAgain(doors, db, request, thorough),
  });
  streams.endOnClose(app);
  tagAnswers(app);
  app.decorateRequest("failure", undefined);
  app.decorateRequest("caller");
  app.decorateRequest("bodyDigest", undefined);
  app.decorateRequest("session");
  // Before all others: a span is as long as its request.
  if (options.traced) traceRequests(app);
  app.addHook("onRequest", async (request, reply) => {
    prepare(request, (name, value) => reply.header(name, value));
    const caller = await authenticate(doors, request, reply);
    if (!caller) return;
    request.caller = { ...caller, address: request.ip, requestId: request.id };
    authorise(caller, request);
    refuseKeyInVain(request);
    refuseConditionInVain(request);
  });
  app.addHook("preValidation", async (request) => refuseBodyInVain(request));
  app.addHook("preHandler", (request, _reply, done) => {
    // Whoever is confined to nothing does not wait for it.
    if (!(request.caller as Caller | undefined)?.projects) return done();
    requireOwn(db, request).then(() => done(), done);
  });
  app.addHook("onRoute", demandPermission);
  app.addHook("onResponse", async (request, reply) => observer.answered(request, reply));
  noteRefusals(app, db, logger, options.refusalsEveryMs ?? 10 * 60_000);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler(notFound);

  const refuseOtherMethods = watchMethods(app);
  await describeRoutes(app, version);
  const emitter = new Emitter(db, ring, logger);
  const { values } = options;
  const once = new Once(db);
  const secretOrigins = { keys: secretKeys, sources: secretSources };
  const parse = (body: Buffer) => jsonOf(body) ?? null;
  const receiver = new Receiver({ db, intake, origins: secretOrigins, parse, logger });
  const context: Context = {
    starter: new Starter(intake, emitter),
    ...{ db, intake, once, observer, streams, values, secretKeys, guard, ring },
    traceUrl: options.traceUrl,
    origins: secretOrigins,
    subjects: intake.subjects,
    searches: new LookTurns(),
    lists: new LookTurns(),
    logTails: new LogTails(db, intake.subjects, logger),
    logFeed: new LogFeed({ db, subjects: intake.subjects, logger, metrics }),
  };
  const { publicUrl, signOn, passwords = new Passwords() } = options;
  const factors = { requiredOf: options.requireSecondFactor ?? [], keys: secretKeys };
  const people: PeopleContext = {
    ...{ db, once, passwords, sessions, own, origins, publicUrl, signOn, factors },
  };
  automationRoutes(app, context);
  createRunRoutes(app, context);
  runRoutes(app, context);
  exportRunsRoute(app, context);
  runLogRoutes(app, context);
  lineRoutes(app, context);
  runGraphRoute(app, context);
  runStepsRoute(app, context);
  runCommandRoutes(app, context);
  runRecordRoutes(app, context);
  publishedRoutes(app, context);
  explainRoutes(app, context);
  eventRoutes(app, context);
  jobRoutes(app, context);
  queueRoutes(app, context);
  queueLimitRoutes(app, context);
  pauseRoutes(app, context);
  deadLetterRoutes(app, context);
  errorGroupRoutes(app, context);
  doubtRoutes(app, context);
  approvalRoutes(app, context);
  await approvalLinkRoutes(app, context);
  operationRoutes(app, context);
  scheduleRoutes(app, context);
  occurrenceRoutes(app, context);
  agendaRoute(app, context);
  workerRoutes(app, context);
  const { kept = { runsMs: Infinity, logsMs: Infinity } } = options;
  overviewRoutes(app, context, kept.runsMs);
  retentionRoute(app, context, kept);
  viewRoutes(app, context);
  incidentRoutes(app, context, { alertsKeptMs: kept.runsMs, publicUrl });
  projectRoutes(app, context);
  apiKeyRoutes(app, context);
  personRoutes(app, people);
  sessionRoutes(app, people);
  if (own) ownSessionRoutes(app, { db, own, origins });
  await loginRoutes(app, people);
  await secondFactorRoutes(app, people);
  if (signOn) await signOnRoutes(app, people, signOn);
  secretRoutes(app, context);
  subjectRoutes(app, context);
  auditRoutes(app, context);
  webhookRoutes(app, context);
  alertRoutes(app, context);
  alertRuleRoutes(app, context);
  alertSilenceRoutes(app, context);
  alertTargetRoutes(app, context);
  await hookRoutes(app, context, receiver);
  const live = new Live({
    db: options.liveDb ?? db,
    subjects: intake.subjects,
    ...{ logger, metrics },
  });
  liveRoute(app, context, live);
  const meter = new LoadMeter(db);
  scalingRoute(app, meter);
  const { health, ready = health } = options;
  healthRoutes(app, health, ready);
  const { databasePlace: place = "", keptFolders = [] } = options;
  doctorRoute(app, new Doctor({ db, place, keys: secretKeys, kept: keptFolders, ready }));
  metricsRoute(app, metrics);
  referenceRoutes(app);
  dashboardRoutes(app, readDashboardFiles());
  refuseOtherMethods();

  measurePlaces(metrics, db);
  measureQueues(metrics, db);
  measureScaling(metrics, meter);
  await app.ready();
  return app;
}

/** A year, of this host alone: what stands beside or below it is not ours to decide. */
const HSTS = "max-age=31536000";

/** Headers of every answer. Nothing here is for other sites' pages, for frames, or for caches. */
function prepare(request: FastifyRequest, header: (name: string, value: string) => void): void {
  header("x-request-id", request.id);
  header("cache-control", "no-store");
  header("x-content-type-options", "nosniff");
  header("referrer-policy", "no-referrer");
  header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  header("cross-origin-opener-policy", "same-origin");
  header("cross-origin-resource-policy", "same-origin");
  // Only who is believed to be a proxy can say that it came by https; by http browsers must not heed it (RFC 6797, 8.1).
  if (request.protocol === "https") header("strict-transport-security", HSTS);
}
