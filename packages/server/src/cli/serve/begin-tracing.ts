import { hostname } from "node:os";
import { isTraced } from "../../telemetry/tracing/is-traced.ts";
import type { Registry } from "../../telemetry/metrics.ts";
import { sendTakenSpans } from "../../telemetry/tracing/taken-spans.ts";
import { TracingMetrics } from "../../telemetry/tracing/tracing-metrics.ts";
import { VERSION } from "../version.ts";
import type { Serving } from "./serve.ts";

/**
 * Has spans recorded and sent, where the settings say where to. The SDK is loaded then, and only then. Where the code of jobs has brought one, that one
 * records: there can be one alone in a process. So this comes after that code was loaded.
 *
 * @returns whether spans are recorded in this process
 * @throws MillraceError `tracing_sdk_missing`
 */
export async function beginTracing(
  { settings, logger, masks, own, undo }: Serving,
  metrics: Registry,
): Promise<boolean> {
  const { tracing } = settings;
  if (isTraced()) {
    const own = tracing ? "; OTEL_EXPORTER_OTLP_ENDPOINT is read by that alone" : "";
    logger.info(
      { event: "traces.of_jobs" },
      `the code of jobs has brought an SDK of OpenTelemetry, which records traces${own}`,
    );
    return true;
  }
  if (!tracing || tracing.sampling.sampler === "always_off") return false;
  for (const value of Object.values(tracing.headers)) {
    // Not among the secrets of jobs, of which one in an output fails its run.
    own.add("OTEL_EXPORTER_OTLP_HEADERS", value);
  }
  const { openSdk } = await import("../../telemetry/tracing/open-sdk.ts");
  const {
    exported: onExported,
    dropped: onDropped,
    skipped: onSkipped,
  } = new TracingMetrics(metrics);
  const { url, headers, sampling } = tracing;
  const sdk = await openSdk({
    ...{
      url,
      headers,
      sampling,
      logger,
      onExported,
      onDropped,
      onSkipped,
      mask: (text) => own.mask(masks.mask(text)),
    },
    resource: {
      "service.version": VERSION,
      "service.instance.id": `${hostname()}:${process.pid}`,
      ...tracing.resource,
      "service.name": tracing.serviceName,
    },
  });
  sendTakenSpans(sdk);
  undo.add("the tracing", async () => {
    sendTakenSpans(undefined);
    await sdk.stop();
  });
  return true;
}
