/**
 * Heartbeats, in a thread of their own, each with a connection of its own: a handler that blocks the event loop of the worker
 * does not make it look dead. They report what they saw; the worker decides.
 */
import { parentPort } from "node:worker_threads";
import pg from "pg";
import { failpoint } from "../runtime/failpoints.ts";
import { forgetNames, isPooled } from "../store/pooler.ts";
import { beat, noteSample } from "../store/workers.ts";
import type { HeartbeatCommand, HeartbeatData, HeartbeatReport } from "./heartbeat.ts";
import { StackSampler } from "./stack-sampler.ts";

function keepBeating(data: HeartbeatData): void {
  const { port, workerId, beatMs, silentAfterMs, connection, folder } = data;
  const sampler = new StackSampler(folder);
  let config = connection;
  let client: pg.Client | undefined;
  let aliveAt = performance.now();
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;

  function report(message: HeartbeatReport): void {
    port.postMessage(message);
  }

  async function connected(): Promise<pg.Client> {
    if (client) return client;
    const fresh = new pg.Client({
      ...config,
      application_name: "millrace heartbeat",
      connectionTimeoutMillis: beatMs * 2,
      query_timeout: beatMs * 2,
      keepAlive: true,
    });
    fresh.on("error", () => {
      if (client === fresh) client = undefined;
    });
    try {
      await fresh.connect();
      if (await isPooled(fresh)) forgetNames(fresh);
    } catch (error) {
      // It may be open, and silent; nobody else knows of it.
      void fresh.end().catch(() => {});
      throw error;
    }
    client = fresh;
    return fresh;
  }

  async function disconnect(): Promise<void> {
    const old = client;
    client = undefined;
    await old?.end().catch(() => {});
  }

  async function end(): Promise<void> {
    sampler.stop();
    await disconnect();
    port.close();
  }

  async function tick(): Promise<void> {
    const sentAt = performance.now();
    try {
      const session = await connected();
      failpoint("heartbeat.before");
      const [row] = await beat(session, workerId);
      failpoint("heartbeat.after_commit");
      if (!row) return report("lost");
      // Counted from when it was sent: the answer may have been long on its way.
      aliveAt = sentAt;
      report(row.quiet ? "quiet" : "alive");
      if (row.sampled) void sample();
    } catch {
      void disconnect();
      if (performance.now() - aliveAt >= silentAfterMs) report("silent");
    }
  }

  /** Beside the beats: it takes longer than some of them may. */
  async function sample(): Promise<void> {
    const taken = await sampler.take();
    // Where it cannot be written down, the next beat hears anew that somebody waits for it.
    if (taken && client) await noteSample(client, workerId, JSON.stringify(taken)).catch(() => {});
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const startedAt = performance.now();
      await tick();
      const failed = client === undefined;
      const restMs = failed ? beatMs / 4 : beatMs - (performance.now() - startedAt);
      await new Promise<void>((resolve) => {
        if (stopping) return resolve();
        timer = setTimeout(resolve, Math.max(0, restMs));
      });
    }
    await end();
  }

  port.on("message", (command: HeartbeatCommand) => {
    if (command === "stop") {
      stopping = true;
      if (timer) {
        clearTimeout(timer);
        void end();
      }
    } else {
      config = command.connection;
      void disconnect();
    }
  });

  void run();
}

parentPort!.on("message", keepBeating);
