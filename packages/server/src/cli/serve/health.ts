import type { Database } from "../../store/database.ts";
import type { Transport } from "../../transport/transport.ts";

export interface Health {
  ok: boolean;
  checks: Record<string, string>;
}

/** One thing that was looked at. Its words may be read by anybody. */
export interface Condition {
  ok: boolean;
  words: string;
}

type Check = () => Condition | Promise<Condition>;

/** A balancer that asks must have its answer before it gives up on us. */
const ANSWER_WITHIN_MS = 2000;

/** What a process looks at when it is asked how it is: each part that is begun adds its own. */
export class HealthChecks {
  readonly #checks = new Map<string, Check>();

  add(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** Healthy is a process all of whose parts are. */
  async read(): Promise<Health> {
    const conditions = await Promise.all(
      [...this.#checks].map(async ([name, check]) => ({ name, ...(await check()) })),
    );
    return {
      ok: conditions.every(({ ok }) => ok),
      checks: Object.fromEntries(conditions.map(({ name, words }) => [name, words])),
    };
  }
}

/** What can be well, or tells why it is not, and also what is worth a look all the same. */
interface Part {
  health(): { ok: boolean; why?: string };
}

export async function conditionOf(parts: readonly Part[]): Promise<Condition> {
  const found = parts.map((part) => part.health());
  const failing = found.filter(({ ok }) => !ok).map(({ why }) => why ?? "not ok");
  if (failing.length > 0) return { ok: false, words: failing.join("; ") };
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

export async function databaseCondition(db: Database): Promise<Condition> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("does not answer"), ANSWER_WITHIN_MS);
  });
  const asked = db.query("select 1").then(
    () => "ok",
    () => "cannot be reached",
  );
  const words = await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  return { ok: words === "ok", words };
}
