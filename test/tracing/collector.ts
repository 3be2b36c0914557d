import { type IncomingHttpHeaders, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { type Span, readSpans } from "./otlp.ts";

/** What collects traces: it takes what OTLP/HTTP sends, and keeps it. */
export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string;
  spans: Span[];
  /** The requests as they came, for canaries. */
  bodies: Buffer[];
  headers: IncomingHttpHeaders[];
  /** What it answers: 200 unless it is to be unwell. */
  status: number;
}

export async function startCollector(): Promise<Collector> {
  const collector: Collector = { url: "", spans: [], bodies: [], headers: [], status: 200 };
  const server = createServer((request, response) => {
    void buffer(request).then((sent) => {
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      collector.headers.push(request.headers);
      if (request.url !== "/v1/traces" || collector.status !== 200) {
        response.writeHead(request.url === "/v1/traces" ? collector.status : 404).end();
        return;
      }
      collector.bodies.push(plain);
      collector.spans.push(...readSpans(plain));
      // An ExportTraceServiceResponse that has nothing to say.
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}
