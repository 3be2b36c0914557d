import type { Transaction } from "../store/database.ts";
import { type Caller, requirePermission } from "../security/caller.ts";
import type { EmitRequest, Emitted, Emitter } from "./emitter.ts";
import type { EnqueueResult, EnqueuedRun } from "./enqueue.ts";
import type { Intake, RunRequest } from "./intake.ts";

/**
 * The ways in for callers. {@link Intake} and {@link Emitter} ask nobody who they are, because what starts by itself comes through them, too; so routes have
 * these alone. Nothing is read or written for who may not.
 */
export class Starter {
  readonly #intake: Intake;
  readonly #emitter: Emitter;

  constructor(intake: Intake, emitter: Emitter) {
    this.#intake = intake;
    this.#emitter = emitter;
  }

  /** As {@link Intake.accept}. @throws MillraceError `forbidden` as well */
  async accept(caller: Caller, request: RunRequest, tx?: Transaction): Promise<EnqueuedRun> {
    requirePermission(caller, "start");
    return this.#intake.accept(request, tx);
  }

  /** As {@link Intake.acceptMany}. @throws MillraceError `forbidden` */
  async acceptMany(
    caller: Caller,
    requests: readonly RunRequest[],
    tx?: Transaction,
  ): Promise<EnqueueResult[]> {
    requirePermission(caller, "start");
    return this.#intake.acceptMany(requests, tx);
  }

  /** As {@link Emitter.emit}. @throws MillraceError `forbidden` as well */
  async emit(caller: Caller, request: EmitRequest, tx?: Transaction): Promise<Emitted> {
    requirePermission(caller, "start");
    return this.#emitter.emit(request, tx);
  }

  /** Lets workers look at runs that have been accepted, and committed. */
  ring(results: readonly EnqueueResult[]): void {
    this.#intake.ring(results);
  }

  /** Gives runs what has been sent, and committed. */
  deliver(): void {
    this.#emitter.deliver();
  }
}
