import type pg from "pg";
import type { Queryable } from "./statement.ts";

/**
 * Whether a pooler such as PgBouncer stands between us and the server. It has to make up the process id that a session is
 * told, so it is not that of the server's process. One in session mode is found, too, and treated like one in transaction
 * mode: that is always right, and costs the planning of each statement.
 */
export async function isPooled(client: Queryable): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  return rows[0]?.pid !== (client as unknown as { processID: number }).processID;
}

/**
 * Makes a client send its statements without their names: prepared by one session of the server, they would be asked of
 * another.
 */
export function forgetNames(client: pg.ClientBase): void {
  const target = client as unknown as { query(first: unknown, ...rest: unknown[]): unknown };
  const send = target.query.bind(client);
  target.query = (first, ...rest) => {
    const named = typeof first === "object" && first !== null && "name" in first && "text" in first;
    return send(named ? { ...first, name: undefined } : first, ...rest);
  };
}
