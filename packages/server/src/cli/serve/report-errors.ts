import type { FailedAttempt } from "../../worker/attempt.ts";
import { errorOfAttempt } from "../../worker/error-of-attempt.ts";
import { errorOfLostRun } from "../../maintenance/error-of-lost-run.ts";
import type { TakenBackRow } from "../../store/reap.ts";
import type { LoggedError } from "../../telemetry/logger.ts";
import type { ErrorReport, ReportError } from "../../telemetry/error-report.ts";
import { SentryMetrics } from "../../telemetry/sentry/sentry-metrics.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { errorOfServer } from "./error-of-server.ts";
import type { Serving } from "./serve.ts";

/** Who is told of errors that nobody handled. Until it is opened, and where the settings name nobody, nobody is. */
export class ErrorDesk {
  readonly #settings: Settings;
  #report: ReportError | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Opens what the settings name. Its code is loaded here, and where none is named, nowhere. */
  async open(
    { logger, undo, metrics }: Pick<Serving, "logger" | "undo" | "metrics">,
    scrub: (json: string) => string,
  ): Promise<void> {
    const { sentry: settings } = this.#settings;
    if (!settings) return;
    const { Sentry } = await import("../../telemetry/sentry/sentry.ts");
    const { dsn, environment, release, serverName, sampleRate } = settings;
    const folder = process.cwd();
    const sentry = new Sentry({
      ...{ dsn, sampleRate, scrub, logger },
      origin: { environment, release, serverName, folder, version: VERSION },
      onEnded: new SentryMetrics(metrics).ended,
    });
    undo.add("Sentry", () => sentry.close());
    this.#report = sentry.report;
  }

  readonly failed = (attempt: FailedAttempt): void => {
    if (attempt.became === "retry" && this.#settings.sentry?.attempts !== "all") return;
    if (this.#report) this.#tell(errorOfAttempt(attempt));
  };

  readonly takenBack = (run: TakenBackRow): void => {
    if (this.#report && run.state === "failed") this.#tell(errorOfLostRun(run));
  };

  readonly logged = (logged: LoggedError): void => {
    if (this.#report) this.#tell(errorOfServer(logged));
  };

  #tell(report: ErrorReport | undefined): void {
    if (report) this.#report?.(report);
  }
}
