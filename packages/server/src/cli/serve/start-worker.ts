import { secretKeysOf } from "../secret-keys.ts";
import { JobRegistry } from "../../engine/job-registry.ts";
import type { Cli } from "../cli.ts";
import type { LoadedCode } from "../load-jobs.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { weightsInWords } from "../weights.ts";
import { beginWorker, makeWorker } from "./begin-worker.ts";
import { tell, tellDatabase, tellJobs } from "./greeting.ts";
import { openBell, openGround } from "./ground.ts";
import { loadAllJobs } from "./load-all-jobs.ts";
import { openValues } from "./open-values.ts";
import { refusePending } from "./refuse-pending.ts";
import { checkSecretKeys } from "./secrets.ts";
import { type Served, type Serving, serve } from "./serve.ts";

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
  const { settings } = serving;
  const opened = await openGround(cli, serving, "join");
  tellDatabase(cli, opened);
  await refusePending(opened.db, "worker");
  serving.goOn();
  const registry = new JobRegistry(jobs, queues, files, schedules);
  const { project } = settings;
  await registry.register(opened.db, { project, keys: secretKeysOf(settings), folder: cli.cwd });
  tellJobs(cli, jobs);

  await checkSecretKeys(opened, registry);

  const ground = await openBell(opened, ["worker"]);
  const worker = makeWorker(ground, registry, await openValues(ground));
  await beginWorker(ground, worker);
  ground.health.started();

  const from = settings.queues ? weightsInWords(settings.queues) : worker.queues.join(", ");
  tell(cli, "takes", `${settings.concurrency} runs at a time from ${from}`);
  cli.out.line("Working. Ctrl-C stops.");
  return worker;
}
