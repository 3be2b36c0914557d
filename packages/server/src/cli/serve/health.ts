import type { Transport } from "../../transport/transport.ts";

export interface Health {
  ok: boolean;
  checks: Record<string, string>;
}

/** One thing that was looked at. Its words may be read by anybody. */
export interface Condition {
  /** Whether it does its part. */
  ok: boolean;
  /** Of what is not ok: whether to start the process anew would mend nothing. */
  alive?: boolean;
  words: string;
}

type Check = () => Condition | Promise<Condition>;

/** The check whose failure is nobody's fault in this process. */
const DATABASE = "database";

/** What a process looks at when it is asked how it is: each part that is begun adds its own. */
export class HealthChecks {
  readonly #checks = new Map<string, Check>();
  #started = false;

  add(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** The database's, of which it depends what the others mean. */
  addDatabase(check: Check): void {
    this.add(DATABASE, check);
  }

  /** Says that all parts have been begun: before, a process is not ready, however well those are that it has. */
  started(): void {
    this.#started = true;
  }

  /** Ready is a process all of whose parts do their work. */
  async ready(): Promise<Health> {
    const conditions = await this.#read();
    if (!this.#started) {
      return { ok: false, checks: { ...inWords(conditions), start: "still under way" } };
    }
    return { ok: conditions.every(({ ok }) => ok), checks: inWords(conditions) };
  }

  /**
   * Alive is a process that nobody would mend by starting it anew: one that drains, one whose database is away, and one that
   * does its work.
   */
  async alive(): Promise<Health> {
    const conditions = await this.#read();
    const database = conditions.find(({ name }) => name === DATABASE);
    const away = database !== undefined && !database.ok && database.alive === true;
    const ok = away || conditions.every((condition) => condition.ok || condition.alive === true);
    return { ok, checks: inWords(conditions) };
  }

  async #read(): Promise<(Condition & { name: string })[]> {
    return Promise.all(
      [...this.#checks].map(async ([name, check]) => ({ name, ...(await check()) })),
    );
  }
}

function inWords(conditions: readonly (Condition & { name: string })[]): Record<string, string> {
  return Object.fromEntries(conditions.map(({ name, words }) => [name, words]));
}

/** What can be well, or tells why it is not, and also what is worth a look all the same. */
interface Part {
  health(): { ok: boolean; why?: string; alive?: boolean };
}

export function conditionOf(parts: readonly Part[]): Condition {
  const found = parts.map((part) => part.health());
  const failing = found.filter(({ ok }) => !ok);
  if (failing.length > 0) {
    const words = failing.map(({ why }) => why ?? "not ok").join("; ");
    return { ok: false, alive: failing.every(({ alive }) => alive === true), words };
  }
  const remarks = found.flatMap(({ why }) => why ?? []);
  return { ok: true, words: ["ok", ...remarks].join(", but ") };
}

/**
 * A broker that is away is told of, and makes nobody ill: runs are accepted and started without it.
 */
export async function transportCondition(transport: Pick<Transport, "check">): Promise<Condition> {
  const words = await transport.check().then(
    () => "ok",
    (error: Error) => error.message,
  );
  return { ok: true, words };
}
