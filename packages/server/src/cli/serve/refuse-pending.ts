import { MillraceError } from "@millrace/core";
import type { Database } from "../../store/database.ts";
import { pendingMigrations } from "../../store/migrate.ts";

/** Roles do not migrate: of many processes that start at once, one command says when the schema changes. */
export async function refusePending(db: Database, role: string): Promise<void> {
  const pending = await pendingMigrations(db);
  if (pending.length === 0) return;
  const names = pending.map(({ name }) => name).join(", ");
  throw new MillraceError(
    "migrations_pending",
    `the database lacks migrations of this version (${names}); run millrace migrate, then start the ${role} again`,
  );
}
