import { isIP } from "node:net";
import type { Redis } from "ioredis";
import { MAX_KEPT, type Session } from "../session.ts";
import { RedisReceiver } from "./redis-receiver.ts";
import type { TransportPlace } from "../transport-url.ts";

export type RedisPlace = Extract<TransportPlace, { kind: "redis" }>;
type Client = typeof Redis;

/**
 * Streams with a consumer group, on Redis or Valkey. All keys have one hash tag, so that one command may name several of
 * them in cluster mode.
 */
export async function connectRedis(
  client: Client,
  place: RedisPlace,
  deadlineMs: number,
  onLost: (error: unknown) => void,
): Promise<Session> {
  const open = () => openClient(client, place, deadlineMs, onLost);
  const commands = await open();
  const keyOf = (queue: string) => `{${place.prefix}}:bell:${queue}`;
  const receivers = new Set<RedisReceiver>();
  return {
    async publish(queues) {
      const ring = (queue: string) =>
        commands.xadd(keyOf(queue), "MAXLEN", "~", MAX_KEPT, "*", "queue", queue);
      await Promise.all(queues.map(ring));
    },
    async receive(queues, deliver) {
      const blocking = await open();
      const receiver = new RedisReceiver({
        commands,
        blocking,
        keys: queues.map(keyOf),
        deliver,
        deadlineMs,
        onLost,
      });
      receivers.add(receiver);
      try {
        await receiver.start();
      } catch (error) {
        blocking.disconnect();
        throw error;
      }
      return receiver;
    },
    ping: async () => void (await commands.ping()),
    async close() {
      for (const receiver of receivers) receiver.drop();
      commands.disconnect();
    },
  };
}

async function openClient(
  Client: Client,
  place: RedisPlace,
  deadlineMs: number,
  onLost: (error: unknown) => void,
): Promise<Redis> {
  const redis = new Client({
    host: place.host,
    port: place.port,
    db: place.database,
    ...(place.user !== undefined && { username: place.user }),
    ...(place.password !== undefined && { password: place.password }),
    // Without a name to compare the certificate with, Node would compare it with "localhost".
    ...(place.tls && { tls: isIP(place.host) ? {} : { servername: place.host } }),
    // The oldest form is understood by every server and proxy.
    protocol: 2,
    connectTimeout: deadlineMs,
    connectionName: "millrace",
    lazyConnect: true,
    // That it comes back is the link's business: it opens a new one.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  });
  let failure: unknown;
  // A client that fails says why by this event, and then only that its connection is closed.
  redis.on("error", (error: unknown) => (failure ??= error));
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw failure ?? error;
  }
  redis.once("end", () => onLost(failure ?? new Error("the connection was closed")));
  return redis;
}
