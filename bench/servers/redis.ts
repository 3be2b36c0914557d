import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Meter, cpuOfTree } from "../meter.ts";
import type { Undo } from "../undo.ts";

export type Fsync = "everysec" | "always";

/** A redis-server of the benchmark's own, that writes each command to its append-only file. */
export class RedisServer implements Meter {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #port: number;
  #lastDatabase = -1;

  private constructor(process: ChildProcess, folder: string, port: number) {
    this.#process = process;
    this.#folder = folder;
    this.#port = port;
  }

  static async start(fsync: Fsync, undo: Undo): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), "millrace-bench-redis-"));
    undo.add(async () => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const child = spawn(
      "redis-server",
      [
        ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder],
        ...["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--databases", "256"],
        // A rewrite of the file would take one of the two processors away in some rounds and not in others.
        ...["--auto-aof-rewrite-percentage", "0"],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    undo.add(async () => {
      child.kill();
      await ended;
    });
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
      child.stdout.on("data", (text: Buffer) => {
        if (text.includes("Ready to accept connections")) resolve();
      });
    });
    return new RedisServer(child, folder, port);
  }

  /** A database that nobody has used. */
  createDatabase(): { url: string; drop: () => Promise<void> } {
    this.#lastDatabase++;
    return { url: `redis://127.0.0.1:${this.#port}/${this.#lastDatabase}`, drop: async () => {} };
  }

  async read(): Promise<{ logBytes: number; cpuUs: number | null }> {
    const log = join(this.#folder, "appendonlydir/appendonly.aof.1.incr.aof");
    return { logBytes: statSync(log).size, cpuUs: cpuOfTree(this.#process.pid!) };
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address() as { port: number };
      server.close(() => resolve(address.port));
    });
  });
}
