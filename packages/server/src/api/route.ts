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
import type { InputCheck } from "../engine/intake.ts";
import type { Once } from "../engine/once.ts";
import type { Starter } from "../engine/start.ts";
import type { SecretOrigins } from "../engine/load-secrets.ts";
import type { OutboundGuard } from "../security/outbound-guard.ts";
import type { Database } from "../store/database.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import type { ValueStore } from "../value-store/value-store.ts";
import type { Observer } from "./observe.ts";

declare module "fastify" {
  interface FastifySchema {
    /** Errors of this route, for the reference; those that every route can have are added. */
    problems?: ErrorCode[];
    /** What a caller must be allowed to do; `public` needs no key, and is on the list of `authenticate.ts` as well. */
    permission?: Permission | "public";
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
  /** Where large values of steps are; undefined where nobody has said. */
  values: ValueStore | undefined;
  secretKeys: SecretKeys;
  /** Where the secrets of webhooks come from. */
  origins: SecretOrigins;
  /** What URLs that others write are held to. */
  guard: OutboundGuard;
  /** Has workers look into a queue at once. */
  ring(queue: string): void;
}

/** A path parameter that is a run's id. */
export const ById = z.strictObject({ id: RunId });

/** A route without query parameters refuses them, too: a filter that is misspelt must not answer everything. */
export const NoQuery = z.strictObject({});

/** Larger than any run id: where a list begins. */
export const FROM_THE_NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";
