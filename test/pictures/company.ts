import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "millrace";
import { Child } from "../support/child-process.ts";
import { freePort } from "../support/free-port.ts";
import type { Ask } from "./story.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");
const JOBS = join(import.meta.dirname, "company.job.ts");

/** A server with the jobs of {@link JOBS}; nobody takes from the queue `mail`. */
export class Company implements AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  readonly #env: Record<string, string>;
  readonly #server: Child;

  private constructor(url: string, db: Database, env: Record<string, string>, server: Child) {
    this.url = url;
    this.db = db;
    this.#env = env;
    this.#server = server;
  }

  static async open(database: string): Promise<Company> {
    const home = mkdtempSync(join(tmpdir(), "millrace-pictures-"));
    const port = String(await freePort());
    const env = { MILLRACE_HOME: home, MILLRACE_PORT: port, DATABASE_URL: database };
    const command = [MAIN, "start", "--jobs", JOBS, "--queues", "crm,default"];
    const server = await Child.start(process.execPath, command, { env });
    await server.waitForLine(/^Ready/);
    const connection = () => ({ connectionString: database });
    const db = openDatabase({ connection, applicationName: "millrace pictures" });
    return new Company(`http://127.0.0.1:${port}`, db, env, server);
  }

  /** A link into the dashboard. */
  async link(): Promise<string> {
    await using command = await Child.start(process.execPath, [MAIN, "open"], { env: this.#env });
    await command.exited;
    return command.output.trim();
  }

  readonly ask: Ask = async <T>(path: string, json?: unknown, method = "POST"): Promise<T> => {
    const key = readFileSync(join(this.#env["MILLRACE_HOME"]!, "api-key"), "utf8").trim();
    const answer = await fetch(this.url + path, {
      method: json === undefined ? "GET" : method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.end();
    await this.#server[Symbol.asyncDispose]();
    rmSync(this.#env["MILLRACE_HOME"]!, { recursive: true, force: true });
  }
}
