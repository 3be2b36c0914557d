import { OwnSessions } from "../../api/own-sessions.ts";
import { JobRegistry } from "../../engine/job-registry.ts";
import { keepPartitionsNow } from "../../maintenance/partition-keeper.ts";
import { isLoopback } from "../../runtime/loopback.ts";
import { migrate } from "../../store/migrate.ts";
import { createHome } from "../api-key.ts";
import type { Cli } from "../cli.ts";
import { linkInto } from "../commands/open.ts";
import type { LoadedCode } from "../load-jobs.ts";
import { secretKeysOf } from "../secret-keys.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { beginApi, tellApi } from "./begin-api.ts";
import { beginMaintenance } from "./begin-maintenance.ts";
import { beginScheduler } from "./begin-scheduler.ts";
import { beginWorker, makeWorker } from "./begin-worker.ts";
import { commandToTry, tell, tellDatabase, tellJobs, tellSchema } from "./greeting.ts";
import { type Ground, openBell, openGround } from "./ground.ts";
import { loadAllJobs } from "./load-all-jobs.ts";
import { openable } from "./listen.ts";
import { openValues } from "./open-values.ts";
import { checkSecretKeys } from "./secrets.ts";
import { type Served, type Serving, serve } from "./serve.ts";
import { StartLock } from "./start-lock.ts";

/** Serves all roles until a signal. @returns the exit code */
export function startServer(
  cli: Cli,
  settings: Settings,
  paths?: readonly string[],
): Promise<number> {
  return serve(cli, settings, async (serving) => {
    cli.out.line(`Millrace ${VERSION}`);
    const code = await loadAllJobs(cli, settings, paths);
    serving.goOn();
    return begin(cli, serving, code);
  });
}

/**
 * The composition of the whole server. What is begun first ends last: the worker drains while the API still answers
 * (its health says "draining"), and the database goes when nobody needs it any more.
 */
async function begin(cli: Cli, serving: Serving, code: LoadedCode): Promise<Served> {
  const { jobs, queues, files, schedules } = code;
  createHome(serving.settings.home);
  const opened = await openGround(cli, serving, "start");
  const lock = await takeLock(opened);
  tellDatabase(cli, opened);
  await prepareSchema(opened);
  await checkSecretKeys(opened);
  const registry = new JobRegistry(jobs, queues, files, schedules);
  const { project } = serving.settings;
  const keys = secretKeysOf(serving.settings, "make");
  await registry.register(opened.db, { project, keys, folder: cli.cwd });
  tellJobs(cli, jobs);

  const ground = await openBell(opened, ["api", "scheduler", "worker", "maintenance"]);
  const values = await openValues(ground);
  await beginMaintenance(ground, registry, values);
  await beginScheduler(ground);
  const reached: { at?: string } = {};
  const worker = makeWorker(ground, registry, values, () => reached.at);
  const secretKeys = secretKeysOf(serving.settings, "make");
  // Who reaches a server on its own machine alone can read its key, too.
  const ownSessions = isLoopback(serving.settings.host) ? new OwnSessions() : undefined;
  const address = await beginApi(ground, { registry, values, secretKeys, ownSessions });
  reached.at = openable(address);
  await lock?.tellAddress(address);
  await beginWorker(ground, worker);
  ground.health.started();

  tellApi(ground, address);
  tellDashboard(cli, address, ownSessions);
  cli.out.line(`Ready. Try: ${await commandToTry(cli, jobs)}`);
  cli.out.line("Ctrl-C stops.");
  return worker;
}

/** The link is for who sits at the terminal: what is written elsewhere, as into a file, is read by others, later. */
function tellDashboard(cli: Cli, address: string, own: OwnSessions | undefined): void {
  const link = own && cli.out.isTty ? linkInto(address, own.makeTicket().text) : undefined;
  const how = own ? "millrace open shows a link into it" : "people log in there";
  tell(cli, "dashboard", link ? `${link} (works once)` : `${openable(address)}/ (${how})`);
}

/** An embedded database has one `start`; one that was started anew has forgotten whose it was. */
async function takeLock({ place, serving, onRestart }: Ground): Promise<StartLock | undefined> {
  if (!place.embedded) return undefined;
  const lock = new StartLock(place);
  serving.undo.add("the lock of this start", () => lock.release());
  await lock.take();
  onRestart(() => {
    lock
      .take()
      .catch((error: unknown) =>
        serving.logger.error(
          { event: "start.lock_lost", err: error },
          "the lock of this start was lost",
        ),
      );
  });
  return lock;
}

async function prepareSchema({ cli, db, serving }: Ground): Promise<void> {
  const applied = await migrate(db, { onBlocked: (sentence) => serving.report(sentence) });
  tellSchema(cli, applied.length);
  // Before the first run is accepted: rows in a default partition would be in the way of their own.
  await keepPartitionsNow(db, serving.settings.retentionMs);
  serving.goOn();
}
