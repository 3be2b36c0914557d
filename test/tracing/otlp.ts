import Pbf from "pbf";

// OTLP/HTTP in protobuf, as opentelemetry-proto has it (trace/v1/trace.proto), as far as spans of ours need it.

export type Attributes = Record<string, unknown>;

export interface Link {
  traceId: string;
  spanId: string;
  attributes: Attributes;
}

export interface Span {
  traceId: string;
  spanId: string;
  /** Empty for none. */
  parentId: string;
  state: string;
  name: string;
  kind: "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";
  /** Nanoseconds of Unix time. */
  start: bigint;
  end: bigint;
  attributes: Attributes;
  links: Link[];
  events: { name: string; attributes: Attributes }[];
  /** 2 for an error. */
  status: { code: number; message: string };
  resource: Attributes;
  scope: string;
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;

/** The spans of an ExportTraceServiceRequest. */
export function readSpans(body: Uint8Array): Span[] {
  const spans: Span[] = [];
  new Pbf(body).readFields((tag, _none, pbf) => {
    if (tag === 1) spans.push(...readResourceSpans(pbf));
  }, undefined);
  return spans;
}

function readResourceSpans(pbf: Pbf): Span[] {
  const resource: Attributes = {};
  const spans: Span[] = [];
  pbf.readMessage((tag, _none, pbf) => {
    if (tag === 1) {
      pbf.readMessage((tag, _none, pbf) => {
        if (tag === 1) readAttribute(pbf, resource);
      }, undefined);
    }
    if (tag === 2) spans.push(...readScopeSpans(pbf));
  }, undefined);
  return spans.map((span) => ({ ...span, resource }));
}

function readScopeSpans(pbf: Pbf): Span[] {
  const read = { scope: "", spans: [] as Span[] };
  pbf.readMessage((tag, read, pbf) => {
    if (tag === 1) {
      pbf.readMessage((tag, _none, pbf) => {
        if (tag === 1) read.scope = pbf.readString();
      }, undefined);
    }
    if (tag === 2) read.spans.push(readSpan(pbf));
  }, read);
  return read.spans.map((span) => ({ ...span, scope: read.scope }));
}

function readSpan(pbf: Pbf): Span {
  const empty: Span = {
    ...{ traceId: "", spanId: "", parentId: "", state: "", name: "", kind: "unspecified" },
    ...{ start: 0n, end: 0n, attributes: {}, links: [], events: [], resource: {}, scope: "" },
    status: { code: 0, message: "" },
  };
  return pbf.readMessage((tag, span, pbf) => {
    if (tag === 1) span.traceId = hex(pbf);
    if (tag === 2) span.spanId = hex(pbf);
    if (tag === 3) span.state = pbf.readString();
    if (tag === 4) span.parentId = hex(pbf);
    if (tag === 5) span.name = pbf.readString();
    if (tag === 6) span.kind = KINDS[pbf.readVarint()] ?? "unspecified";
    if (tag === 7) span.start = fixed64(pbf);
    if (tag === 8) span.end = fixed64(pbf);
    if (tag === 9) readAttribute(pbf, span.attributes);
    if (tag === 11) span.events.push(readEvent(pbf));
    if (tag === 13) span.links.push(readLink(pbf));
    if (tag === 15) {
      pbf.readMessage((tag, status, pbf) => {
        if (tag === 2) status.message = pbf.readString();
        if (tag === 3) status.code = pbf.readVarint();
      }, span.status);
    }
  }, empty);
}

function readEvent(pbf: Pbf): Span["events"][number] {
  return pbf.readMessage(
    (tag, event, pbf) => {
      if (tag === 2) event.name = pbf.readString();
      if (tag === 3) readAttribute(pbf, event.attributes);
    },
    { name: "", attributes: {} },
  );
}

function readLink(pbf: Pbf): Link {
  return pbf.readMessage(
    (tag, link, pbf) => {
      if (tag === 1) link.traceId = hex(pbf);
      if (tag === 2) link.spanId = hex(pbf);
      if (tag === 4) readAttribute(pbf, link.attributes);
    },
    { traceId: "", spanId: "", attributes: {} },
  );
}

function readAttribute(pbf: Pbf, into: Attributes): void {
  const read = { key: "", value: undefined as unknown };
  pbf.readMessage((tag, pair, pbf) => {
    if (tag === 1) pair.key = pbf.readString();
    if (tag === 2) pair.value = readValue(pbf);
  }, read);
  into[read.key] = read.value;
}

function readValue(pbf: Pbf): unknown {
  const read = { value: undefined as unknown };
  pbf.readMessage((tag, read, pbf) => {
    if (tag === 1) read.value = pbf.readString();
    if (tag === 2) read.value = pbf.readBoolean();
    if (tag === 3) read.value = pbf.readVarint(true);
    if (tag === 4) read.value = pbf.readDouble();
    if (tag === 5) {
      const items: unknown[] = [];
      pbf.readMessage((tag, items, pbf) => {
        if (tag === 1) items.push(readValue(pbf));
      }, items);
      read.value = items;
    }
  }, read);
  return read.value;
}

function hex(pbf: Pbf): string {
  return Buffer.from(pbf.readBytes()).toString("hex");
}

function fixed64(pbf: Pbf): bigint {
  const low = BigInt(pbf.readFixed32());
  return low + (BigInt(pbf.readFixed32()) << 32n);
}
