import type { ErrorCode, Permission } from "@millrace/core";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { RunId } from "@millrace/core/api";
import { z } from "zod";
import type { TargetKind } from "../engine/scope.ts";
import type { InputCheck } from "../engine/intake.ts";
import type { Once } from "../engine/once.ts";
import type { Starter } from "../engine/start.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import type { SecretOrigins } from "../engine/load-secrets.ts";
import type { OutboundGuard } from "@millrace/sdk/http";
import type { Database } from "../store/database.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import type { ValueStore } from "../value-store/value-store.ts";
import type { EventStreams } from "./event-streams.ts";
import type { LogFeed } from "./log-feed/log-feed.ts";
import type { LogTails } from "./log-tails.ts";
import type { Observer } from "./observe.ts";
import type { LookTurns } from "./look-turns.ts";

declare module "fastify" {
  interface FastifySchema {
    /** Errors of this route, for the reference; those that every route can have are added. */
    problems?: ErrorCode[];
    /** What a caller must be allowed to do; `public` needs no key, and is on the list of `authenticate.ts` as well. */
    permission?: Permission | "public";
    /**
     * What a caller who is confined to projects may have of it: nothing (`installation`); what the path parameters name, of each kind which, if it
     * is theirs; or whatever the handler answers, which then keeps to `request.caller.projects` by itself (`own`).
     */
    scope?: "installation" | "own" | { readonly [Kind in TargetKind]?: string };
  }
}

/** The server that routes are added to: their zod schemas check what comes in, and write what goes out. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What routes work with. */
export interface Context {
  db: Database;
  /** By which callers ask for runs, and send events. */
  starter: Starter;
  intake: InputCheck;
  once: Once;
  observer: Observer;
  /** By which routes answer that go on answering. */
  streams: EventStreams;
  /** Of those who search. */
  searches: LookTurns;
  /** Of those who list what may be much. */
  lists: LookTurns;
  /** Tells those who follow logs what is said. */
  logTails: LogTails;
  /** The same to those who follow the logs of many runs. */
  logFeed: LogFeed;
  /** Where large values of steps are; undefined where nobody has said. */
  values: ValueStore | undefined;
  secretKeys: SecretKeys;
  /** Whom runs are about. */
  subjects: Subjects;
  /** Where the secrets of webhooks come from. */
  origins: SecretOrigins;
  /** What URLs that others write are held to. */
  guard: OutboundGuard;
  /** Has workers look into a queue at once. */
  ring(queue: string): void;
  /** The address of a trace, with `{traceId}` in the place of its id; undefined where nobody has said it. */
  traceUrl: string | undefined;
}

/** A path parameter that is a run's id. */
export const ById = z.strictObject({ id: RunId });

/** A route without query parameters refuses them, too: a filter that is misspelt must not answer everything. */
export const NoQuery = z.strictObject({});

/** Larger than any run id: where a list begins. */
export const FROM_THE_NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";
