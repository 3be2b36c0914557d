import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../../support/child-process.ts";
import { addressOf, launch } from "../../support/millrace.ts";
import type { BenchDatabase } from "../database.ts";

export const KEY = "mr_the-key-of-the-measured-server";

/** `millrace start` as one installs it, beside a database that was seeded; it takes from no queue that has anything. */
export class MeasuredServer {
  readonly url: string;
  readonly child: Child;
  readonly #home: string;

  private constructor(url: string, child: Child, home: string) {
    this.url = url;
    this.child = child;
    this.#home = home;
  }

  static async start(bench: BenchDatabase): Promise<MeasuredServer> {
    const home = mkdtempSync(join(tmpdir(), "millrace-load-"));
    const args = ["start", "--port", "0", "--queues", "nobody-uses-it"];
    const child = await launch(
      [...args, "--jobs", join(import.meta.dirname, "../jobs/load.job.ts")],
      {
        DATABASE_URL: String(bench.connection().connectionString),
        MILLRACE_HOME: home,
        MILLRACE_API_KEY: KEY,
        MILLRACE_API_RATE: "0",
        MILLRACE_LOG_LEVEL: "error",
      },
    );
    return new MeasuredServer(await addressOf(child), child, home);
  }

  /** Of a link that works once. */
  async ticket(): Promise<string> {
    const answer = await fetch(`${this.url}/api/v1/session/tickets`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: "{}",
    });
    if (!answer.ok) throw new Error(`no link into the dashboard: ${await answer.text()}`);
    return ((await answer.json()) as { ticket: string }).ticket;
  }

  async stop(): Promise<void> {
    await this.child[Symbol.asyncDispose]();
    rmSync(this.#home, { recursive: true, force: true });
  }
}
