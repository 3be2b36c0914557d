import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Child } from "../support/child-process.ts";
import { type TestDatabase, createDatabase } from "../support/database.ts";
import { shareJobCache } from "../support/job-cache.ts";
import { addressOf, launch, millrace } from "../support/millrace.ts";

const JOBS = join(import.meta.dirname, "jobs");
export const KEY = `mr_${randomUUID()}`;

/** A server with a database of its own, for all tests of a file, and the command line that talks to it. */
export class OneServer {
  database!: TestDatabase;
  server!: Child;
  /** Where it keeps its files; gone after the last test. */
  home!: string;
  /** The environment of a command that talks to it. */
  client!: Record<string, string>;

  /** To be called outside the tests. */
  static forThisFile(jobs: string = JOBS): OneServer {
    const one = new OneServer();
    beforeAll(() => one.#start(jobs));
    afterAll(() => one.#stop());
    return one;
  }

  readonly cli = (...args: string[]) => millrace(args, this.client);

  async #start(jobs: string): Promise<void> {
    this.database = await createDatabase();
    this.home = mkdtempSync(join(tmpdir(), "millrace-"));
    shareJobCache(this.home);
    this.server = await launch(["start", "--jobs", jobs], {
      DATABASE_URL: this.database.url,
      MILLRACE_API_KEY: KEY,
      MILLRACE_HOME: this.home,
      MILLRACE_PORT: "0",
    });
    this.client = {
      MILLRACE_URL: await addressOf(this.server),
      MILLRACE_API_KEY: KEY,
      MILLRACE_HOME: this.home,
    };
  }

  async #stop(): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.database.drop();
    rmSync(this.home, { recursive: true, force: true });
  }
}
