import { MillraceError } from "@millrace/core";
import { Command } from "commander";
import { DATABASE_ROLES, databaseRolesSql } from "../../store/database-roles.ts";
import { sqlState } from "../../store/database.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";

const INSUFFICIENT_PRIVILEGE = "42501";

export function databaseRolesCommand(cli: Cli): Command {
  return new Command("roles")
    .description(
      "print the SQL of a database role for each kind of process, with no more than its rights",
    )
    .option("--apply", "run it as the role of DATABASE_URL, which needs CREATEROLE")
    .action(cli.action(({ apply }: { apply?: boolean }) => run(cli, apply === true)));
}

async function run(cli: Cli, apply: boolean): Promise<number> {
  if (apply) await applyRoles(cli);
  else cli.out.part(databaseRolesSql());
  return EXIT.done;
}

async function applyRoles(cli: Cli): Promise<void> {
  const { withDatabase } = await import("../serve/with-database.ts");
  const { openPool } = await import("../serve/open-pool.ts");
  const { refusePending } = await import("../serve/refuse-pending.ts");
  await withDatabase(cli, async (serving) => {
    const { db } = await openPool(serving, "join");
    await refusePending(db, "command");
    const client = await db.connect();
    try {
      await client.query(databaseRolesSql());
    } catch (error) {
      throw explained(error);
    } finally {
      // It may have failed within the transaction.
      client.release(true);
    }
  });
  cli.out.line(`✓ ${DATABASE_ROLES.join(", ")} have the rights of this version`);
  cli.err.line(
    "Make a login a member of one: create role NAME login password '…' in role millrace_worker",
  );
}

function explained(error: unknown): unknown {
  if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) return error;
  return new MillraceError(
    "invalid_setting",
    "DATABASE_URL: its role may not make roles, or does not own the schema; let one who may run it: millrace roles | psql",
    { cause: error },
  );
}
