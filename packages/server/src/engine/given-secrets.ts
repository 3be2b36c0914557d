import type { Database } from "../store/database.ts";
import { asActor } from "./as-caller.ts";
import type { GivenVersion } from "./load-secrets.ts";

/**
 * Puts on record which secrets the jobs of one process get, before they get them: each version once for each job. What a process has been given
 * it has, so that it gives it to the next attempt again says nothing new, and would be an entry for each 30 s of each worker.
 */
export class GivenSecrets {
  readonly #db: Database;
  readonly #name: string;
  readonly #noted = new Set<string>();

  /** @param name of the process, as the audit has it */
  constructor(db: Database, name: string) {
    this.#db = db;
    this.#name = name;
  }

  readonly note = async (job: string, given: readonly GivenVersion[]): Promise<void> => {
    const fresh = given.filter(({ name, version }) => !this.#noted.has(keyOf(job, name, version)));
    if (fresh.length === 0) return;
    await asActor(this.#db, { name: this.#name, role: null }, async (_, tell) => {
      for (const { name, version } of fresh) {
        tell("secret.given", `secret:${name}`, { after: { version, job } });
      }
    });
    for (const { name, version } of fresh) this.#noted.add(keyOf(job, name, version));
  };
}

function keyOf(job: string, name: string, version: number): string {
  return `${job} ${name} ${version}`;
}
