import { MillraceError } from "@millrace/core";
import { JobRegistry } from "../../engine/job-registry.ts";
import type { Database } from "../../store/database.ts";
import { pendingMigrations } from "../../store/migrate.ts";
import { PostgresTransport } from "../../transport/postgres/postgres-transport.ts";
import { Worker } from "../../worker/worker.ts";
import type { Cli } from "../cli.ts";
import type { LoadedCode } from "../load-jobs.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { weightsInWords } from "../weights.ts";
import { tell, tellDatabase, tellJobs } from "./greeting.ts";
import { loadAllJobs } from "./load-all-jobs.ts";
import { openPool } from "./open-pool.ts";
import { type Served, type Serving, serve } from "./serve.ts";
import { workerPolicy } from "./worker-policy.ts";

/** Works until a signal. @returns the exit code */
export function startWorker(
  cli: Cli,
  settings: Settings,
  paths?: readonly string[],
): Promise<number> {
  return serve(cli, settings, async (serving) => {
    cli.out.line(`Millrace ${VERSION} worker`);
    const code = await loadAllJobs(cli, settings, paths);
    serving.goOn();
    return begin(cli, serving, code);
  });
}

async function begin(cli: Cli, serving: Serving, code: LoadedCode): Promise<Served> {
  const { jobs, queues, files, schedules } = code;
  const { settings, logger, undo } = serving;
  let onRestart = () => {};
  const opened = await openPool(serving, "join", () => onRestart());
  const { db, place } = opened;
  tellDatabase(cli, opened);
  await refusePending(db);
  serving.goOn();

  const registry = new JobRegistry(jobs, queues, files, schedules);
  await registry.register(db);
  tellJobs(cli, jobs);

  const connection = () => place.connection();
  const transport = new PostgresTransport({ db, connection, logger });
  undo.add("the transport", () => transport.close());
  const worker = new Worker({
    ...workerPolicy(cli, settings),
    db,
    connection,
    registry,
    transport,
    logger,
  });
  onRestart = () => worker.onRestart();
  undo.add("the worker", () => worker.stop(), settings.drainMs + 15_000);
  await worker.start();

  const from = settings.queues ? weightsInWords(settings.queues) : worker.queues.join(", ");
  tell(cli, "takes", `${settings.concurrency} runs at a time from ${from}`);
  cli.out.line("Working. Ctrl-C stops.");
  return worker;
}

async function refusePending(db: Database): Promise<void> {
  const pending = await pendingMigrations(db);
  if (pending.length === 0) return;
  const names = pending.map(({ name }) => name).join(", ");
  throw new MillraceError(
    "migrations_pending",
    `the database lacks migrations of this version (${names}); run millrace migrate, then start the worker again`,
  );
}
