import { Masks } from "../../security/masks.ts";
import { createLogger } from "../../telemetry/logger.ts";
import { Registry } from "../../telemetry/metrics.ts";
import type { Cli } from "../cli.ts";
import { harmless } from "../output/harmless.ts";
import { prettyLogStream } from "../output/log-lines.ts";
import { ownSecrets } from "./own-secrets.ts";
import { ErrorDesk } from "./report-errors.ts";
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
  const own = ownSecrets(settings, cli.env);
  const destination = cli.err.isTty ? prettyLogStream(cli.err) : 2;
  const logger = createLogger(settings.logLevel, destination, own.mask);
  const signals = new StopSignals((error) =>
    logger.fatal({ event: "process.uncaught", err: error }, "nobody caught an error"),
  );
  const undo = new Undo();
  try {
    return await work({
      settings,
      logger,
      masks: new Masks(),
      own,
      metrics: new Registry(),
      errors: new ErrorDesk(settings),
      undo,
      report: (sentence) => cli.err.line(harmless(sentence)),
      goOn: () => signals.stopping.throwIfAborted(),
    });
  } finally {
    await undo.all(logger);
    signals.close();
  }
}
