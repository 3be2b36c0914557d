import { Masks } from "../../security/masks.ts";
import { createLogger } from "../../telemetry/logger.ts";
import type { Cli } from "../cli.ts";
import { harmless } from "../output/harmless.ts";
import { prettyLogStream } from "../output/log-lines.ts";
import type { Serving } from "./serve.ts";
import { StopSignals } from "./stop-signals.ts";
import { Undo } from "./undo.ts";

/**
 * Runs a short command that needs the database itself, and ends what it opened, also when it is interrupted: an
 * embedded server that was started for it is stopped again.
 */
export async function withDatabase<T>(
  cli: Cli,
  work: (serving: Serving) => Promise<T>,
): Promise<T> {
  const settings = cli.settings();
  const logger = createLogger(settings.logLevel, cli.err.isTty ? prettyLogStream(cli.err) : 2);
  const signals = new StopSignals((error) =>
    logger.fatal({ err: error }, "nobody caught an error"),
  );
  const undo = new Undo();
  try {
    return await work({
      settings,
      logger,
      masks: new Masks(),
      undo,
      report: (sentence) => cli.err.line(harmless(sentence)),
      goOn: () => signals.stopping.throwIfAborted(),
    });
  } finally {
    await undo.all(logger);
    signals.close();
  }
}
