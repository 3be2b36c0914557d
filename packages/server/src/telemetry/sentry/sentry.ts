import { inTime } from "../../runtime/in-time.ts";
import type { ErrorReport } from "../error-report.ts";
import type { Logger } from "../logger.ts";
import { Allowance } from "./allowance.ts";
import type { Dsn } from "./dsn.ts";
import { type Origin, envelopeOf, eventOf } from "./event.ts";
import { restMs } from "./rate-limits.ts";
import type { SentryOutcome } from "./sentry-metrics.ts";

/** Events that wait to be sent. More are not kept: some 5 MB at the most. */
const MAX_WAITING = 100;

const ANSWER_MS = 5000;
const MAX_REST_MS = 60_000;

export interface SentryOptions {
  dsn: Dsn;
  origin: Origin;
  /** Which share of errors is told, from 0 to 1. */
  sampleRate: number;
  /** Takes secrets out of a JSON text. */
  scrub: (json: string) => string;
  logger: Logger;
  onEnded?: (outcome: SentryOutcome, events: number) => void;
  /** Chance between 0 and 1. */
  random?: () => number;
}

/**
 * Tells errors to Sentry, one after the other, beside the work: who reports waits for nothing, and what cannot be sent is kept for a while,
 * bounded, and then counted. It is all that is loaded, and changes nothing in the process, so that a handler may use `@sentry/node`, too.
 * (`@sentry/node` 11 in its place: 94 MiB on disk, 1.1 s to import, and hooks into the process that are the user's to have.)
 */
export class Sentry {
  readonly #options: SentryOptions;
  readonly #random: () => number;
  readonly #groups = new Allowance();
  readonly #waiting: string[] = [];
  #sending: Promise<void> | undefined;
  #limitedUntil = 0;
  #failures = 0;
  #refusedWith: number | undefined;
  #closing = false;
  #wakeUp: () => void = () => {};

  constructor(options: SentryOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  readonly report = (report: ErrorReport): void => {
    const dropped = this.#reasonToDrop(report);
    if (dropped) return this.#ended(dropped);
    const { origin, scrub } = this.#options;
    const now = new Date();
    this.#waiting.push(envelopeOf(eventOf(report, origin, now), scrub, now));
    this.#start();
  };

  /** Sends what waits, for so long at the most. */
  async close(withinMs = 2000): Promise<void> {
    this.#closing = true;
    this.#wakeUp();
    if (this.#sending) await inTime(withinMs, "Sentry", this.#sending).catch(() => {});
    this.#ended("full", this.#waiting.splice(0).length);
  }

  #start(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#closing) this.#start();
    });
  }

  #reasonToDrop({ fingerprint }: ErrorReport): SentryOutcome | undefined {
    if (this.#random() >= this.#options.sampleRate) return "sampled";
    if (!this.#groups.take(fingerprint.join("\n"), performance.now())) return "repeated";
    if (performance.now() < this.#limitedUntil) return "limited";
    return this.#waiting.length >= MAX_WAITING || this.#closing ? "full" : undefined;
  }

  async #sendAll(): Promise<void> {
    for (let envelope = this.#waiting[0]; envelope; envelope = this.#waiting[0]) {
      const became = await this.#send(envelope);
      if (became === "away") {
        if (this.#closing) return;
        await this.#rest(Math.min(MAX_REST_MS, 500 * 2 ** this.#failures));
      } else if (became === "limited") {
        this.#ended("limited", this.#waiting.splice(0).length);
      } else {
        this.#waiting.shift();
        this.#ended(became);
      }
    }
  }

  async #send(envelope: string): Promise<SentryOutcome | "away"> {
    const { dsn, origin } = this.#options;
    try {
      const answer = await fetch(dsn.endpoint, {
        method: "POST",
        body: envelope,
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_MS),
        headers: {
          "content-type": "application/x-sentry-envelope",
          "user-agent": `millrace/${origin.version}`,
          "x-sentry-auth": `Sentry sentry_version=7, sentry_client=millrace/${origin.version}, sentry_key=${dsn.publicKey}`,
        },
      });
      await answer.body?.cancel();
      return this.#read(answer);
    } catch (error) {
      return this.#goneAway(reasonOf(error));
    }
  }

  #read({ status, headers }: Response): SentryOutcome | "away" {
    if (status >= 500) return this.#goneAway(`it answered ${status}`);
    const limitedMs = restMs(status, headers, new Date());
    if (limitedMs > 0) this.#limitedUntil = performance.now() + limitedMs;
    const { logger } = this.#options;
    if (this.#failures > 0) logger.info({ event: "sentry.back" }, "Sentry is back");
    this.#failures = 0;
    if (status === 429) return "limited";
    if (status < 300) {
      this.#refusedWith = undefined;
      return "sent";
    }
    // A wrong key is wrong for all: it is told of once.
    if (this.#refusedWith !== status) {
      logger.warn(
        { event: "sentry.refused", status },
        `Sentry refuses what it is told, with ${status}; check SENTRY_DSN`,
      );
    }
    this.#refusedWith = status;
    return "refused";
  }

  #goneAway(why: string): "away" {
    if (this.#failures === 0) {
      this.#options.logger.warn(
        { event: "sentry.away", why },
        "Sentry is away; errors wait, and are counted when too many do",
      );
    }
    this.#failures++;
    return "away";
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #ended(outcome: SentryOutcome, events = 1): void {
    if (events > 0) this.#options.onEnded?.(outcome, events);
  }
}

/** Of what `fetch` throws, what says something: the cause. It never names the key. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: unknown };
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  return (
    code ?? message ?? (name === "TimeoutError" ? `no answer within ${ANSWER_MS / 1000} s` : name)
  );
}
