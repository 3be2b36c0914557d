import { rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Child } from "../support/child-process.ts";
import { freePort } from "../support/free-port.ts";
import { installedProgram } from "../support/servers/installed-program.ts";
import { until } from "../support/until.ts";

/** A Redis that a test may kill, stop and start again. It keeps nothing on disk, so that it comes back empty. */
export class OwnRedis {
  readonly url: string;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "millrace-test-own-redis-"));
  readonly #settings: readonly string[];
  #server: Child | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.#port = port;
    this.#settings = settings;
    const password = settings[settings.indexOf("--requirepass") + 1];
    const user = settings.includes("--requirepass") ? `:${password}@` : "";
    this.url = `redis://${user}127.0.0.1:${port}`;
  }

  static async start(settings: readonly string[] = []): Promise<OwnRedis> {
    const own = new OwnRedis(await freePort(), settings);
    await own.startAgain();
    return own;
  }

  static get installed(): boolean {
    return installedProgram("redis-server") !== undefined;
  }

  async startAgain(): Promise<void> {
    const settings = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
    this.#server = await Child.start(
      installedProgram("redis-server")!,
      ["--port", String(this.#port), ...settings, ...this.#settings],
      { cwd: this.#folder },
    );
    await until("redis answers", () => this.ask((redis) => redis.ping()));
  }

  /** Asks it something on a connection of its own. */
  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, { lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => {});
    try {
      await redis.connect();
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Makes of it a cluster of one. */
  async takeAllSlots(): Promise<void> {
    await this.ask((redis) => redis.cluster("ADDSLOTSRANGE", 0, 16_383));
    await until("the cluster is whole", () =>
      this.ask(async (redis) => (await redis.cluster("INFO")).includes("cluster_state:ok")),
    );
  }

  /** As a crash of its machine would end it. */
  async kill(): Promise<void> {
    this.#server?.kill("SIGKILL");
    await this.#server?.exited;
  }

  /** It keeps its connections, and answers nothing. */
  stop(): void {
    this.#server?.kill("SIGSTOP");
  }

  goOn(): void {
    this.#server?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
