import { context, propagation, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { MillraceError } from "@millrace/core";
import { IdSource } from "./planned-ids.ts";
import { type Sampling, chooseSampler } from "./choose-sampler.ts";
import { SPAN_LIMITS } from "./span-limits.ts";
import { SpanOutlet, type SpanOutletOptions } from "./span-outlet.ts";

/** What to install, and in which version: later ones need another Node. */
const SDK_PACKAGES = {
  "@opentelemetry/context-async-hooks": "2.12.0",
  "@opentelemetry/core": "2.12.1",
  "@opentelemetry/exporter-trace-otlp-proto": "0.223.1",
  "@opentelemetry/resources": "2.12.1",
  "@opentelemetry/sdk-trace": "2.12.1",
};

/** So long spans gather at the most before they are sent. */
const GATHER_MS = 1000;

/** Who takes longer to take spans is not there. */
const EXPORT_WITHIN_MS = 5000;

/** A process that ends waits so long for what is still to be sent. */
const FLUSH_WITHIN_MS = 4000;

export interface SdkOptions extends Omit<SpanOutletOptions, "exporter" | "batchOf"> {
  /** Where spans are sent by OTLP over HTTP, in protobuf. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is said of this process with each span. */
  readonly resource: Readonly<Record<string, string>>;
  readonly sampling: Sampling;
  /** Told of each trace that is not recorded because there are too many. */
  readonly onSkipped: () => void;
}

export interface OpenedSdk {
  /** Takes a span that was made elsewhere. */
  take(span: ReadableSpan): void;
  /** What every span of this process is said to be of. */
  readonly resource: ReadableSpan["resource"];
  /** Sends what is still to be sent, for some seconds at the most. */
  stop(): Promise<void>;
}

/**
 * Loads the SDK of OpenTelemetry, and registers it in this process: spans are recorded and sent from now on, also those of libraries that handlers use.
 *
 * @throws MillraceError `tracing_sdk_missing`
 */
export async function openSdk(options: SdkOptions): Promise<OpenedSdk> {
  const { sdk, hooks, otlp, resources, core } = await load();
  const { url, headers } = options;
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes({ ...options.resource }));
  const outlet = new SpanOutlet({
    ...options,
    exporter: new otlp.OTLPTraceExporter({
      ...{ url, headers: { ...headers }, timeoutMillis: EXPORT_WITHIN_MS },
    }),
    batchOf: (exporter, maxQueueSize) =>
      new sdk.BatchSpanProcessor({
        ...{ exporter, maxQueueSize, maxExportBatchSize: 512 },
        ...{ scheduledDelayMillis: GATHER_MS, exportTimeoutMillis: 2 * EXPORT_WITHIN_MS },
      }),
  });
  const idGenerator = new IdSource();
  const provider = new sdk.TracerProvider({
    ...{ resource, idGenerator, spanProcessors: [outlet] },
    sampler: chooseSampler(sdk, options.sampling, options.onSkipped),
    spanLimits: SPAN_LIMITS,
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  return {
    take: (span) => outlet.onEnd(span),
    resource,
    stop: async () => {
      idGenerator.close();
      const late = new Promise<void>((resolve) => {
        setTimeout(resolve, FLUSH_WITHIN_MS).unref();
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

async function load() {
  try {
    const [sdk, hooks, otlp, resources, core] = await Promise.all([
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/context-async-hooks"),
      import("@opentelemetry/exporter-trace-otlp-proto"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/core"),
    ]);
    return { sdk, hooks, otlp, resources, core };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    const wanted = Object.entries(SDK_PACKAGES).map(([name, version]) => `${name}@${version}`);
    throw new MillraceError(
      "tracing_sdk_missing",
      `OTEL_EXPORTER_OTLP_ENDPOINT is set, and what sends traces is not installed; install it beside millrace: npm install ${wanted.join(" ")}`,
      { cause: error },
    );
  }
}
