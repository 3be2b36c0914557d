import { JobRegistry } from "../../engine/job-registry.ts";
import type { Cli } from "../cli.ts";
import { secretKeysOf } from "../secret-keys.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { beginApi, tellApi } from "./begin-api.ts";
import { beginMaintenance } from "./begin-maintenance.ts";
import { beginScheduler } from "./begin-scheduler.ts";
import { tellDatabase } from "./greeting.ts";
import { type Role, type RungGround, openBell, openGround } from "./ground.ts";
import { openValues } from "./open-values.ts";
import { refusePending } from "./refuse-pending.ts";
import { checkSecretKeys } from "./secrets.ts";
import { type Served, serve } from "./serve.ts";

/** A role that executes nothing, and so needs no code of jobs: what it must know of them is in the database. */
export type IdleRole = Exclude<Role, "worker">;

const BEGIN: Record<IdleRole, (ground: RungGround) => Promise<void>> = {
  api: async (ground) => {
    await checkSecretKeys(ground);
    const secretKeys = secretKeysOf(ground.serving.settings);
    const values = await openValues(ground);
    const registry = new JobRegistry([]);
    tellApi(ground, await beginApi(ground, { registry, values, secretKeys }));
  },
  scheduler: beginScheduler,
  maintenance: async (ground) =>
    beginMaintenance(ground, new JobRegistry([]), await openValues(ground)),
};

const EXECUTES_NOTHING: Served = { running: 0, hurry() {} };

/** Serves one role until a signal. @returns the exit code */
export function startRole(cli: Cli, settings: Settings, role: IdleRole): Promise<number> {
  return serve(cli, settings, async (serving) => {
    cli.out.line(`Millrace ${VERSION} ${role}`);
    const opened = await openGround(cli, serving, "join");
    tellDatabase(cli, opened);
    await refusePending(opened.db, role);
    serving.goOn();
    await BEGIN[role](await openBell(opened, [role]));
    opened.health.started();
    cli.out.line("Ready. Ctrl-C stops.");
    return EXECUTES_NOTHING;
  });
}
