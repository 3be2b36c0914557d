import type pg from "pg";
import type { Database } from "../store/database.ts";
import { type LinkedOptions, LinkedTransport } from "./linked-transport.ts";
import { loadClient } from "./load-client.ts";
import { PostgresTransport } from "./postgres/postgres-transport.ts";
import type { Connect } from "./session.ts";
import type { Capabilities, Transport } from "./transport.ts";
import { type ServerPlace, type TransportPlace, readTransportUrl } from "./transport-url.ts";

export interface OpenTransportOptions extends LinkedOptions {
  /** `postgres`, or the URL of a broker: see transport-url.ts. */
  url: string;
  db: Database;
  /** For the session that listens on PostgreSQL. */
  connection: () => pg.ClientConfig;
}

/** What the brokers have in common: they deal messages out. */
const DEALS: Capabilities = { audience: "one", keeps: true, redelivers: true, trusted: false };

/**
 * The transport that the URL names. A broker that cannot be reached is no error: it is looked for until it is there.
 *
 * @throws MillraceError `transport_client_missing`; Error for a URL that names none
 */
export async function openTransport(options: OpenTransportOptions): Promise<Transport> {
  const place = readTransportUrl(options.url);
  if (place.kind === "postgres") return new PostgresTransport(options);
  const capabilities = DEALS;
  const adapter = { name: place.kind, words: wordsOf(place), capabilities };
  const connect = await connector(place, options.deadlineMs ?? LinkedTransport.deadlineMs);
  const transport = new LinkedTransport({ ...adapter, connect }, options);
  await transport.open();
  return transport;
}

type BrokerPlace = Exclude<TransportPlace, { kind: "postgres" }>;

/** Loads the adapter and its client: nobody else needs them. */
async function connector(place: BrokerPlace, deadlineMs: number): Promise<Connect> {
  switch (place.kind) {
    case "redis": {
      const { connectRedis } = await import("./redis/redis-session.ts");
      const { Redis } = await loadClient("ioredis", "6", () => import("ioredis"));
      return (onLost) => connectRedis(Redis, place, deadlineMs, onLost);
    }
    case "rabbitmq": {
      const { connectRabbit } = await import("./rabbitmq/rabbitmq-session.ts");
      const { connect } = await loadClient("amqplib", "2", () => import("amqplib"));
      return (onLost) => connectRabbit(connect, place, deadlineMs, onLost);
    }
    case "sqs": {
      const { connectSqs } = await import("./sqs/sqs-session.ts");
      const library = await loadClient(
        "@aws-sdk/client-sqs",
        "~3.1169.0",
        () => import("@aws-sdk/client-sqs"),
      );
      return (onLost) => connectSqs(library, place, deadlineMs, onLost);
    }
  }
}

function wordsOf(place: BrokerPlace): string {
  if (place.kind === "sqs") return `SQS in ${place.region}`;
  return `${place.kind === "redis" ? "Redis" : "RabbitMQ"} at ${addressOf(place)}`;
}

function addressOf({ host, port }: ServerPlace): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
