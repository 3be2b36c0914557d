import { Masks } from "../../security/masks.ts";
import { Registry } from "../../telemetry/metrics.ts";
import { type Logger, createLogger } from "../../telemetry/logger.ts";
import type { Cli } from "../cli.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { harmless } from "../output/harmless.ts";
import { prettyLogStream } from "../output/log-lines.ts";
import { count } from "../output/words.ts";
import type { Settings } from "../settings.ts";
import { ErrorDesk } from "./report-errors.ts";
import { ownSecrets } from "./own-secrets.ts";
import { StopSignals, aborted } from "./stop-signals.ts";
import { Undo } from "./undo.ts";

/** What a process that serves is made with. */
export interface Serving {
  readonly settings: Settings;
  readonly logger: Logger;
  /** The secrets that this process has loaded: its logger says none of them. */
  readonly masks: Masks;
  /** What the process may not say of its own settings, either. */
  readonly own: Masks;
  /** What this process tells of itself. */
  readonly metrics: Registry;
  /** Told of errors that nobody handled. */
  readonly errors: ErrorDesk;
  /** Takes the end of whatever was begun. */
  readonly undo: Undo;
  /** A sentence on a long part: for people until the process serves, then for the log. */
  report(sentence: string): void;
  /** Throws when a signal has come meanwhile; called between the parts of a start. */
  goOn(): void;
}

/** What serves, as far as its end is concerned. */
export interface Served {
  readonly running: number;
  hurry(): void;
}

/**
 * Begins to serve, serves until a signal, and ends: whatever was begun is ended in reverse order, also when beginning
 * it fails half-way.
 *
 * @returns the exit code
 */
export async function serve(
  cli: Cli,
  settings: Settings,
  begin: (serving: Serving) => Promise<Served>,
): Promise<number> {
  const masks = new Masks();
  const own = ownSecrets(settings, cli.env);
  const errors = new ErrorDesk(settings);
  const destination = cli.err.isTty ? prettyLogStream(cli.err) : 2;
  const masked = (line: string) => own.mask(masks.mask(line));
  const logger = createLogger(settings.logLevel, destination, masked, errors.logged);
  const signals = new StopSignals((error) =>
    logger.fatal({ event: "process.uncaught", err: error }, "nobody caught an error"),
  );
  const undo = new Undo();
  let begun = false;
  const serving: Serving = {
    settings,
    logger,
    masks,
    own,
    metrics: new Registry(),
    errors,
    undo,
    report: (sentence) => {
      if (begun) logger.info({ event: "process.progress" }, sentence);
      else cli.out.line(`  ${harmless(sentence)}`);
    },
    goOn: () => signals.stopping.throwIfAborted(),
  };
  try {
    // Begun first, so that it is told of whatever goes wrong until the end.
    await errors.open(serving, (json) => own.maskJson(masks.maskJson(json)));
    const served = await unlessHurried(signals, begin(serving));
    begun = true;
    await aborted(signals.stopping);
    tellStopping(cli, served.running);
    void aborted(signals.hurry).then(() => {
      if (served.running > 0)
        cli.out.line(`Stopping now: handing back ${count(served.running, "run")}…`);
      served.hurry();
    });
  } catch (error) {
    if (!signals.stopping.aborted) {
      cli.fail(error);
      return exitCodeOf(error);
    }
    if (!signals.crashed) cli.out.line("Stopping: the start was interrupted.");
    return signals.crashed ? EXIT.failed : EXIT.interrupted;
  } finally {
    await undo.all(logger);
    signals.close();
  }
  if (signals.crashed) return EXIT.failed;
  if (signals.hurry.aborted) return EXIT.interrupted;
  cli.out.line("Stopped.");
  return EXIT.done;
}

function tellStopping(cli: Cli, running: number): void {
  cli.out.line(
    running > 0 ? `Stopping: finishing ${count(running, "run")} (again to stop now)…` : "Stopping…",
  );
}

/** A second signal does not wait for a part of the start that hangs. */
async function unlessHurried<T>(signals: StopSignals, begin: Promise<T>): Promise<T> {
  begin.catch(() => {});
  return Promise.race([
    begin,
    aborted(signals.hurry).then(() => {
      throw new Error("interrupted");
    }),
  ]);
}
