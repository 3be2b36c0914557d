import { z } from "zod";
import { SAMPLERS, type Sampling } from "../telemetry/tracing/choose-sampler.ts";
import { isUrlOf } from "./setting-forms.ts";

/** Where and which spans are sent. */
export interface TracingSettings {
  readonly url: string;
  /** They may hold a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampling: Sampling;
}

/** The names are those of OpenTelemetry's specification, which other programs read as well; but for the limit, which it does not know. */
export const TRACING_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint("http://localhost:4318").optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint("http://localhost:4318/v1/traces").optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().prefault("http/protobuf"),
  OTEL_SERVICE_NAME: z.string().max(200).optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs().optional(),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, { error: `write one of ${SAMPLERS.join(", ")}` })
    .prefault("parentbased_always_on"),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0?\.\d{1,9}|0|1|1\.0{1,9}|0\.\d{1,9})$/, "write a ratio from 0 to 1, such as 0.1")
    .transform(Number)
    .optional(),
  MILLRACE_TRACES_PER_SECOND: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, "write a whole number from 1 to 999999")
    .transform(Number)
    .prefault("500"),
} as const;

type Read = z.infer<z.ZodObject<typeof TRACING_VARIABLES>>;

/** What one variable alone does not show. Where nothing is sent, it is others' business. */
export function tracingTroubles(read: Read): { name: keyof Read; message: string }[] {
  if (urlOf(read) === undefined || read.OTEL_EXPORTER_OTLP_PROTOCOL === "http/protobuf") return [];
  const message =
    "traces are sent by http/protobuf alone; write that, and an endpoint that takes it, mostly at port 4318";
  return [{ name: "OTEL_EXPORTER_OTLP_PROTOCOL", message }];
}

/** Undefined where nothing is to be sent. */
export function readTracing(read: Read): TracingSettings | undefined {
  const url = urlOf(read);
  if (url === undefined) return undefined;
  const resource = read.OTEL_RESOURCE_ATTRIBUTES ?? {};
  return {
    url,
    headers: read.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    serviceName: read.OTEL_SERVICE_NAME ?? resource["service.name"] ?? "millrace",
    resource,
    sampling: {
      sampler: read.OTEL_TRACES_SAMPLER,
      ratio: read.OTEL_TRACES_SAMPLER_ARG ?? 1,
      perSecond: read.MILLRACE_TRACES_PER_SECOND,
    },
  };
}

function urlOf({
  OTEL_EXPORTER_OTLP_ENDPOINT: base,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own,
}: Read): string | undefined {
  return own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, "")}/v1/traces`);
}

function endpoint(example: string) {
  return z
    .string()
    .refine(
      (text) => isUrlOf(text, ["http:", "https:"]) && !new URL(text).username,
      `write the address of what collects traces by OTLP over HTTP, such as ${example}, without user or password`,
    );
}

/** `name=value` with commas between them, values escaped as in URLs. */
function pairs() {
  return z.string().transform((text, context): Record<string, string> => {
    const items = text.split(",").filter((item) => item.trim() !== "");
    const read = items.map((item) => /^\s*([\w.!#$%&'*+^`|~-]+)\s*=(.*)$/s.exec(item));
    try {
      return Object.fromEntries(
        read.map((found): [string, string] => [found![1]!, decodeURIComponent(found![2]!.trim())]),
      );
    } catch {
      context.addIssue("write name=value with commas between them, values escaped as in URLs");
      return z.NEVER;
    }
  });
}
