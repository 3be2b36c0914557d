import type { Database } from "../../store/database.ts";
import type { Transport } from "../../transport/transport.ts";
import type { Worker } from "../../worker/worker.ts";

export interface Health {
  ok: boolean;
  checks: Record<string, string>;
}

/** A balancer that asks must have its answer before it gives up on us. */
const ANSWER_WITHIN_MS = 2000;

/**
 * Healthy is a process whose worker's claims work: that needs the database, its schema and the loop. A broker that is away
 * is told of, and makes nobody ill: runs are accepted and started without it.
 */
export async function readHealth(
  db: Database,
  worker: Pick<Worker, "health">,
  transport: Pick<Transport, "check">,
): Promise<Health> {
  const database = await answers(db);
  const bell = await transport.check().then(
    () => "ok",
    (error: Error) => error.message,
  );
  const { ok, why } = worker.health();
  return {
    ok: database === "ok" && ok,
    checks: {
      database,
      transport: bell,
      worker: ok ? ["ok", why].filter(Boolean).join(", but ") : (why ?? "not ok"),
    },
  };
}

async function answers(db: Database): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("does not answer"), ANSWER_WITHIN_MS);
  });
  const asked = db.query("select 1").then(
    () => "ok",
    () => "cannot be reached",
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
