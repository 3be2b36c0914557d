import { setTimeout as pause } from "node:timers/promises";
import { ERASED, type Duration, MillraceError, durationMs } from "@millrace/core";
import type {
  Automation,
  CancelResult,
  EmittedEvent,
  PublishedList,
  Run,
  RunGraph,
} from "@millrace/core/api";
import type { AnyEvent, PayloadOf } from "./define-event.ts";
import type { HttpApi } from "./http-api.ts";
import { RunCancelledError, RunFailedError } from "./run-errors.ts";
import { type SignalOptions, sendEvent } from "./send-event.ts";

/** How long to wait for a run. */
export interface ResultOptions {
  /** How long to wait. Default: until the run has finished. */
  timeout?: Duration;
  /** Ends the waiting, not the run. */
  signal?: AbortSignal;
}

const FIRST_POLL_MS = 25;
const MAX_POLL_MS = 1000;

/** A run on a server. */
export class RunHandle<Output = unknown> {
  readonly id: string;
  readonly #api: HttpApi;

  constructor(api: HttpApi, id: string) {
    this.#api = api;
    this.id = id;
  }

  /**
   * All that is known about the run.
   *
   * @throws MillraceError `run_not_found`
   */
  get(): Promise<Run> {
    return this.#read(this.id);
  }

  /**
   * The run as a graph: the nodes of a flow with what has become of each, or the steps of another as they came.
   *
   * @throws MillraceError `run_not_found`
   */
  async graph(): Promise<RunGraph> {
    const path = `/api/v1/runs/${encodeURIComponent(this.id)}/graph`;
    return (await this.#api.call({ method: "GET", path, repeatable: true })) as RunGraph;
  }

  /**
   * Waits until the run has finished, or, when it is continued as a new one, the last of its chain. It asks again and again, at first soon,
   * later once a second.
   *
   * @returns the run's output, as JSON brings it back
   * @throws RunFailedError, RunCancelledError; MillraceError `result_timeout`, `run_not_found`, `subject_erased`; the signal's reason
   */
  async result(options: ResultOptions = {}): Promise<Output> {
    const { signal } = options;
    const until =
      options.timeout === undefined
        ? Infinity
        : performance.now() + durationMs(options.timeout, "timeout");
    let id = this.id;
    for (let wait = FIRST_POLL_MS; ; wait = Math.min(MAX_POLL_MS, wait * 1.5)) {
      signal?.throwIfAborted();
      const run = await this.#look(id, signal);
      if (run.status === "completed") {
        const next = run.result === null ? (await this.#read(id)).continuedAs : null;
        if (run.result === ERASED) await this.#requireKept(id);
        if (next === null) return run.result as Output;
        id = next;
        continue;
      }
      if (run.status === "failed") throw await this.#failure(id);
      if (run.status === "cancelled") throw new RunCancelledError(id);
      const left = until - performance.now();
      if (left <= 0) {
        throw new MillraceError(
          "result_timeout",
          `run ${id} is ${run.status} after ${options.timeout}; it goes on`,
        );
      }
      await pause(Math.min(wait, left), undefined, { signal }).catch(() => {});
    }
  }

  /**
   * Cancels the run: at once when it waits; when it runs, its handler is asked to stop. One that has something to make good does that
   * first, unless it is forced to end.
   *
   * @throws MillraceError `run_not_found`, `run_finished`
   */
  async cancel(
    reason?: string,
    { force }: { force?: boolean } = {},
  ): Promise<CancelResult["result"]> {
    const answer = (await this.#api.call({
      method: "POST",
      path: `/api/v1/runs/${encodeURIComponent(this.id)}/cancel`,
      body: JSON.stringify({ reason, force }),
      repeatable: false,
    })) as CancelResult;
    return answer.result;
  }

  /**
   * Sends an event to this run alone. When this returns, it is durable, and counts whether or not the run waits for it already.
   *
   * @param event an event, whose schema checks the payload; or its name
   * @throws MillraceError `run_finished` when the run has ended; otherwise as `emit` of the client
   */
  async signal<E extends AnyEvent>(
    event: E,
    payload: PayloadOf<E>,
    options?: SignalOptions,
  ): Promise<EmittedEvent>;
  async signal(event: string, payload?: unknown, options?: SignalOptions): Promise<EmittedEvent>;
  async signal(
    event: AnyEvent | string,
    payload?: unknown,
    options?: SignalOptions,
  ): Promise<EmittedEvent> {
    return sendEvent(this.#api, event, payload, { ...options, run: this.id });
  }

  /**
   * What the run has published under a key, at any time; it asks no worker.
   *
   * @returns undefined when it has published nothing there
   * @throws MillraceError `run_not_found`
   */
  async query<Value = unknown>(key: string): Promise<Value | undefined> {
    const path = `/api/v1/runs/${encodeURIComponent(this.id)}/published?name=${encodeURIComponent(key)}`;
    const answer = await this.#api.call({ method: "GET", path, repeatable: true });
    const value = (answer as PublishedList).published[0]?.value;
    if (value === ERASED) await this.#requireKept(this.id);
    return value as Value | undefined;
  }

  /** The row with the state: it costs the server one statement. */
  async #look(id: string, signal: AbortSignal | undefined): Promise<Automation> {
    const path = `/automations/${encodeURIComponent(id)}`;
    return (await this.#api.call({ method: "GET", path, repeatable: true, signal })) as Automation;
  }

  async #read(id: string): Promise<Run> {
    const path = `/api/v1/runs/${encodeURIComponent(id)}`;
    return (await this.#api.call({ method: "GET", path, repeatable: true })) as Run;
  }

  /** The words that people read must not be taken for what the run gave. @throws MillraceError `subject_erased` */
  async #requireKept(id: string): Promise<void> {
    const { subject } = await this.#read(id);
    if (!subject?.erasedAt) return;
    throw new MillraceError(
      "subject_erased",
      `what run ${id} kept of its subject was erased at ${subject.erasedAt}`,
    );
  }

  async #failure(id: string): Promise<RunFailedError> {
    const { error } = await this.#read(id);
    return new RunFailedError(id, error?.class ?? "Error", error?.message ?? "");
  }
}

/** A run that was asked for. */
export class EnqueuedRun<Output = unknown> extends RunHandle<Output> {
  /** False when the call became a run that was there already: by its idempotency key, by debounce or by throttle. */
  readonly created: boolean;

  constructor(api: HttpApi, id: string, created: boolean) {
    super(api, id);
    this.created = created;
  }
}
