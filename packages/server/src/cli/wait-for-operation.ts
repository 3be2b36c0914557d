import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import { ENDED_OPERATION_STATES, Operation } from "@millrace/core/api";
import type { ApiClient } from "./api-client.ts";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { harmlessJson } from "./output/harmless.ts";
import { operationLine } from "./output/operation-line.ts";
import { fit } from "./output/table.ts";

const ASK_EVERY_MS = 500;

/** A server that restarts is waited for; one that stays away is not. */
const AWAY_MS = 30_000;

/**
 * Shows an operation's progress until it has ended, or until Ctrl-C, which leaves it going.
 *
 * @returns the exit code: 0 when all was done, 4 when some reruns failed again or were refused, 1 when it was stopped or
 *   cancelled
 */
export async function waitForOperation(
  cli: Cli,
  api: ApiClient,
  id: number,
  { json }: { json?: boolean },
): Promise<number> {
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once("SIGINT", abort);
  const progress = new Progress(cli, json === true);
  try {
    const operation = await untilEnded(api, id, interrupt.signal, (now) => progress.show(now));
    progress.end();
    if (json) cli.out.line(harmlessJson({ v: 1, ...operation }));
    else cli.out.line(operationLine(cli.out, operation));
    if (!json) tellMore(cli, operation);
    return exitCode(operation);
  } catch (error) {
    progress.end();
    if (!interrupt.signal.aborted) throw error;
    cli.err.line(
      `Not waiting any more; the operation goes on: millrace operations show ${id} --wait, or millrace operations cancel ${id}`,
    );
    return EXIT.interrupted;
  } finally {
    process.removeListener("SIGINT", abort);
  }
}

async function untilEnded(
  api: ApiClient,
  id: number,
  signal: AbortSignal,
  tell: (operation: Operation) => void,
): Promise<Operation> {
  for (let answeredAt = performance.now(); ;) {
    try {
      const operation = await api.get(`operations/${id}`, Operation);
      if (ENDED_OPERATION_STATES.includes(operation.state)) return operation;
      answeredAt = performance.now();
      tell(operation);
    } catch (error) {
      const away = error instanceof MillraceError && error.code === "server_unreachable";
      if (!away || performance.now() - answeredAt > AWAY_MS) throw error;
    }
    await pause(ASK_EVERY_MS, undefined, { signal });
  }
}

function tellMore(cli: Cli, { id, state, refused, reruns }: Operation): void {
  if (reruns.failed > 0)
    cli.err.line(`  failed again: millrace operations show ${id} --ended failed`);
  if (refused > 0) cli.err.line(`  refused: millrace operations show ${id} --outcome refused`);
  if (state !== "completed") cli.err.line("  the rest is still open: millrace dead");
}

function exitCode({ state, refused, reruns }: Operation): number {
  if (state !== "completed") return EXIT.failed;
  return refused + reruns.failed + reruns.cancelled > 0 ? EXIT.partly : EXIT.done;
}

/** One line that changes on a terminal; elsewhere a line for every tenth. */
class Progress {
  readonly #cli: Cli;
  readonly #quiet: boolean;
  #tenth = -1;
  #drawn = false;

  constructor(cli: Cli, quiet: boolean) {
    this.#cli = cli;
    this.#quiet = quiet;
  }

  show(operation: Operation): void {
    if (this.#quiet) return;
    const { err } = this.#cli;
    if (err.isTty) {
      err.part(`\r\u001B[K${fit(operationLine(err, operation), (err.columns ?? 80) - 1)}`);
      this.#drawn = true;
      return;
    }
    const tenth = Math.floor((operation.handled / operation.total) * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    err.line(operationLine(err, operation));
  }

  end(): void {
    if (this.#drawn) this.#cli.err.part("\r\u001B[K");
    this.#drawn = false;
  }
}
