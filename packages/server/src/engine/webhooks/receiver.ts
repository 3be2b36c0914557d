import type { IncomingHttpHeaders } from "node:http";
import {
  type Json,
  MillraceError,
  type ReceiptOutcome,
  type WebhookScheme,
  mapPayload,
} from "@millrace/core";
import { Batcher } from "../../runtime/batcher.ts";
import { signatureTrouble, webhookKey } from "../../security/webhook-signature.ts";
import { type Database, isUnavailable, unavailable } from "../../store/database.ts";
import {
  type EndpointRow,
  findEndpoint,
  noteReceipts,
  runOfKey,
} from "../../store/webhook-endpoints.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { EnqueuedRun } from "../enqueue.ts";
import type { Intake } from "../intake.ts";
import { type SecretOrigins, openTexts } from "../load-secrets.ts";
import { isCurrent } from "./endpoints.ts";
import { endpointSecrets } from "../../store/secrets.ts";

/** A request that claims to be a webhook. */
export interface Hook {
  headers: IncomingHttpHeaders;
  /** As it came. */
  body: Buffer;
  /** For its run. */
  correlationId: string;
}

/** What a webhook has come to: a run, or an answer to a question that the other side asks once. */
export type Received =
  | { run: EnqueuedRun; job: string }
  | { challenge: string }
  | { greeted: true };

interface Receipt {
  endpoint: string;
  outcome: ReceiptOutcome;
  deliveryId: string | null;
  runId: string | null;
  bytes: number;
  error: string | null;
}

const RECEIPTS_AT_ONCE = 500;

/** What is not signed is logged so often in a minute for one endpoint: whoever knows its address must not fill the disk. */
const UNSIGNED_A_MINUTE = 60;

const MAX_ID_LENGTH = 255;

/** Stands for an endpoint that is not there, so that it takes as long to be told so. No job has this name. */
const NOBODYS: Pick<EndpointRow, "name" | "scheme" | "job" | "secrets"> = {
  name: "",
  scheme: "standard",
  job: "",
  secrets: [{ name: "NOBODY", until: null }],
};

/** The way in for webhooks: checks who signed, makes an input of the body, and asks for a run; what has come before gets the run that it got. */
export class Receiver {
  readonly #db: Database;
  readonly #intake: Intake;
  readonly #origins: SecretOrigins;
  readonly #parse: (body: Buffer) => unknown;
  readonly #logger: Logger;
  readonly #receipts: Batcher<Receipt, undefined>;
  readonly #unsigned = new Map<string, { since: number; count: number }>();

  /** @param options `parse` makes a value of the bytes of a body; throws MillraceError for what is no JSON that can be stored */
  constructor({
    db,
    intake,
    origins,
    parse,
    logger,
  }: {
    db: Database;
    intake: Intake;
    origins: SecretOrigins;
    parse: (body: Buffer) => unknown;
    logger: Logger;
  }) {
    this.#db = db;
    this.#intake = intake;
    this.#origins = origins;
    this.#parse = parse;
    this.#logger = logger;
    this.#receipts = new Batcher((receipts) => note(db, receipts), RECEIPTS_AT_ONCE);
  }

  /**
   * @param id the last part of the address that it was sent to
   * @throws MillraceError `invalid_signature` for a hook that is not there, or is switched off, and for a signature that is wrong;
   *   `webhook_rejected`, `payload_too_large` for what is signed and cannot be taken; `webhook_not_now` while its job is disabled or its queue
   *   drained; `database_unavailable`
   */
  async receive(id: string, hook: Hook): Promise<Received> {
    const [endpoint] = await findEndpoint(this.#db, id);
    const { keys, troubles } = await this.#keysOf(endpoint);
    const wrong = signatureTrouble((endpoint ?? NOBODYS).scheme, keys, hook, Date.now());
    if (endpoint?.enabled && wrong === undefined) return this.#take(endpoint, hook);
    if (endpoint) {
      const why = endpoint.enabled ? [wrong, ...troubles].join("; ") : "it is switched off";
      this.#noteUnsigned(endpoint.name, hook, why);
    }
    throw unsigned();
  }

  async #take(endpoint: EndpointRow, hook: Hook): Promise<Received> {
    const receipt = { endpoint: endpoint.name, bytes: hook.body.length, error: null, runId: null };
    let deliveryId: string | null = null;
    try {
      const body = this.#parse(hook.body) as Json;
      const greeting = greetingIn(endpoint.scheme, hook.headers, body);
      if (greeting) {
        await this.#note({ ...receipt, outcome: "greeted", deliveryId });
        return greeting;
      }
      deliveryId = deliveryIdOf(endpoint.scheme, hook.headers, body);
      const { mapping } = endpoint;
      const input = mapping ? mapPayload(mapping, body, hook.headers) : body;
      const run = await this.#start(endpoint, deliveryId, input, hook);
      const outcome = run.created ? "accepted" : "repeated";
      await this.#note({ ...receipt, outcome, deliveryId, runId: run.id });
      return { run, job: endpoint.job };
    } catch (error) {
      const told = refusal(error);
      if (!told) throw error;
      const { message } = told.code === "webhook_not_now" ? (error as MillraceError) : told;
      await this.#note({ ...receipt, outcome: "rejected", deliveryId, error: message });
      throw told;
    }
  }

  /** One run for each delivery, by the row of its idempotency key, which is written with it. */
  async #start(
    { id, job }: EndpointRow,
    deliveryId: string,
    input: Json,
    { correlationId }: Hook,
  ): Promise<EnqueuedRun> {
    const idempotencyKey = `webhook:${id}:${deliveryId}`;
    try {
      return await this.#intake.accept({
        job,
        input,
        trigger: "webhook",
        idempotencyKey,
        correlationId,
      });
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === "idempotency_key_reused")) throw error;
      // The same delivery makes another input when the mapping was changed, or takes the time of sending from a header.
      const [first] = await runOfKey(this.#db, job, idempotencyKey);
      if (!first) throw error;
      return { id: first.run_id, created: false, queue: "", dueAt: null };
    }
  }

  /** The keys under which may be signed, and what is wrong with those that cannot be had. Of an endpoint that is not there, as much is asked. */
  async #keysOf(
    endpoint: EndpointRow | undefined,
  ): Promise<{ keys: Buffer[]; troubles: string[] }> {
    const { name: asked, scheme, job, secrets } = endpoint ?? NOBODYS;
    const keys: Buffer[] = [];
    const troubles: string[] = [];
    const rows = await endpointSecrets(this.#db, asked).catch((error: unknown) => {
      throw isUnavailable(error) ? unavailable(error) : error;
    });
    for (const { name } of secrets.filter(isCurrent)) {
      try {
        const values = await openTexts(rows, this.#origins, job, [name]);
        keys.push(webhookKey(scheme, values[name]!));
      } catch (error) {
        troubles.push((error as Error).message);
      }
    }
    return endpoint ? { keys, troubles } : { keys: [], troubles: [] };
  }

  /** Not waited for: who sends must not tell by the time that there is something to be noted. */
  #noteUnsigned(endpoint: string, { body }: Hook, error: string): void {
    const now = Date.now();
    const seen = this.#unsigned.get(endpoint);
    const window = seen && now - seen.since < 60_000 ? seen : { since: now, count: 0 };
    window.count++;
    this.#unsigned.set(endpoint, window);
    if (window.count > UNSIGNED_A_MINUTE) return;
    const receipt = { endpoint, deliveryId: null, runId: null, bytes: body.length, error };
    void this.#note({ ...receipt, outcome: "unsigned" });
  }

  /** What cannot be logged is done all the same. */
  async #note(receipt: Receipt): Promise<void> {
    try {
      await this.#receipts.add(receipt);
    } catch (error) {
      this.#logger.warn(
        { event: "webhook.unlogged", err: error, endpoint: receipt.endpoint },
        "a webhook was not logged",
      );
    }
  }
}

async function note(db: Database, receipts: readonly Receipt[]): Promise<undefined[]> {
  await noteReceipts(
    db,
    receipts.map(({ endpoint }) => endpoint),
    receipts.map(({ outcome }) => outcome),
    receipts.map(({ deliveryId }) => deliveryId),
    receipts.map(({ runId }) => runId),
    receipts.map(({ bytes }) => bytes),
    receipts.map(({ error }) => error),
  );
  return receipts.map(() => undefined);
}

/** The answer to a question that a service asks when it is told the address; no run is made of it. */
function greetingIn(
  scheme: WebhookScheme,
  headers: IncomingHttpHeaders,
  body: Json,
): Received | undefined {
  if (scheme === "github" && headers["x-github-event"] === "ping") return { greeted: true };
  if (scheme !== "slack" || fieldOf(body, "type") !== "url_verification") return undefined;
  return { challenge: textIn("challenge", fieldOf(body, "challenge")) };
}

/** What is the same when a delivery is sent again. */
function deliveryIdOf(scheme: WebhookScheme, headers: IncomingHttpHeaders, body: Json): string {
  switch (scheme) {
    case "standard":
      return textIn("the header webhook-id", headers["webhook-id"]);
    case "github":
      return textIn("the header X-GitHub-Delivery", headers["x-github-delivery"]);
    case "stripe":
      return textIn("id", fieldOf(body, "id"));
    case "slack":
      return textIn("event_id", fieldOf(body, "event_id"));
  }
}

function fieldOf(body: Json, field: string): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  return Object.hasOwn(body, field) ? (body as Record<string, Json>)[field] : undefined;
}

function textIn(what: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0 && value.length <= MAX_ID_LENGTH) return value;
  throw rejected(`${what} must be a text of 1 to ${MAX_ID_LENGTH} characters`);
}

/** What the sender is told, for what is signed and cannot be taken; undefined for what is not its fault. */
function refusal(error: unknown): MillraceError | undefined {
  if (!(error instanceof MillraceError)) return undefined;
  switch (error.code) {
    case "webhook_rejected":
    case "payload_too_large":
      return error;
    case "invalid_request":
    case "invalid_json":
    case "invalid_input":
    case "unknown_job":
    case "queue_not_found":
      return rejected(error.message);
    // Who has done so, and why, is no business of the sender's, who sends it again later.
    case "job_disabled":
    case "queue_drained":
      return new MillraceError("webhook_not_now", "no run is taken for now; send it again later");
    default:
      return undefined;
  }
}

function rejected(why: string): MillraceError {
  return new MillraceError("webhook_rejected", why);
}

function unsigned(): MillraceError {
  return new MillraceError(
    "invalid_signature",
    "there is no webhook here that is signed like this; whoever has made the endpoint finds the reason in its log",
  );
}
