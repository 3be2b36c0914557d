import type { Queryable } from "../../packages/server/src/store/statement.ts";
import type { Database } from "millrace";
import { onTestFinished } from "vitest";

/** A node of a plan, as EXPLAIN tells it. */
export interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  /** What it looks for in an index, or in pages that an index has named; neither when it reads all there is. */
  "Index Cond"?: string;
  "Recheck Cond"?: string;
  /** Of the node with all that is below it: pages found in memory, and pages read. */
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  "Actual Loops"?: number;
  /** In each loop. */
  "Actual Rows"?: number;
  /** Pairs that were compared by a join and did not fit. */
  "Rows Removed by Join Filter"?: number;
  /** Rows that were read and did not fit, in each loop. */
  "Rows Removed by Filter"?: number;
  Plans?: PlanNode[];
}

/** A connection whose statements are each explained first, by the plan that a server of ours would use. */
export interface ExplainingConnection extends Queryable {
  /** Pages that its statements have touched since it was made. */
  blocks: number;
  /** The plan of each statement, by its title. */
  plans: Map<string, PlanNode>;
}

export async function explaining(db: Database): Promise<ExplainingConnection> {
  const client = await db.connect();
  onTestFinished(() => client.release(true));
  const connection: ExplainingConnection = {
    blocks: 0,
    plans: new Map(),
    query: async (config) => {
      const values = (config.values ?? []) as unknown[];
      await client.query(`prepare explained as ${config.text}`);
      const given = values.length > 0 ? `(${values.map(literal).join(", ")})` : "";
      // Explaining carries a statement out.
      await client.query("begin");
      const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
        `explain (analyze, buffers, timing off, format json) execute explained${given}`,
      );
      await client.query("rollback");
      await client.query("deallocate explained");
      const plan = rows[0]!["QUERY PLAN"][0].Plan;
      connection.blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
      connection.plans.set(config.name ?? config.text, plan);
      return client.query(config);
    },
  };
  return connection;
}

export function* nodes(plan: PlanNode): Generator<PlanNode> {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodes(child);
}

/** The nodes of a plan that were executed. */
export function executed(plan: PlanNode): PlanNode[] {
  return [...nodes(plan)].filter((node) => (node["Actual Loops"] ?? 0) > 0);
}

function literal(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return `'${text(value).replaceAll("'", "''")}'`;
}

/** As PostgreSQL reads it, whatever type it is to become. */
function text(value: unknown): string {
  if (Array.isArray(value)) {
    return `{${value.map((each) => (each === null ? "null" : quoted(text(each)))).join(",")}}`;
  }
  return value instanceof Date ? value.toISOString() : String(value);
}

function quoted(element: string): string {
  return `"${element.replaceAll(/["\\]/g, "\\$&")}"`;
}
