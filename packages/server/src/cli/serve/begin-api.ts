import { buildApi } from "../../api/build-api.ts";
import { Intake } from "../../engine/intake.ts";
import { IntakeTest } from "../../engine/intake-test.ts";
import { requireFactorKeys } from "../../engine/second-factor/ring-for-factors.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import type { OwnSessions } from "../../api/own-sessions.ts";
import { OutboundGuard } from "@millrace/sdk/http";
import { SignOn } from "../../security/sign-on.ts";
import type { ValueStore } from "../../value-store/value-store.ts";
import { apiKeyFile, createHome, ensureApiKey } from "../api-key.ts";
import { keptFolders } from "../kept-folders.ts";
import { VERSION } from "../version.ts";
import { shortPath, tell } from "./greeting.ts";
import { type RungGround, begun } from "./ground.ts";
import { conditionOf } from "./health.ts";
import { listen } from "./listen.ts";
import { openLivePool } from "./open-live-pool.ts";
import { secretSources, subjectsOf } from "./secrets.ts";

export interface ApiGround {
  registry: JobRegistry;
  /** Where large values of steps are. */
  values: ValueStore | undefined;
  /** Under which secrets are encrypted. */
  secretKeys: SecretKeys;
  /** Of who comes by a link of the server's own key, where that may be. */
  ownSessions?: OwnSessions | undefined;
}

/** @returns the address where it answers */
export async function beginApi(
  ground: RungGround,
  { registry, values, secretKeys, ownSessions }: ApiGround,
): Promise<string> {
  const { serving, db, bell, metrics, health, traced } = ground;
  const { settings, logger, undo } = serving;
  const { publicUrl } = settings;
  const apiKey = keyOf(ground);
  if (settings.apiKey === undefined) serving.own.add("MILLRACE_API_KEY", apiKey);
  await requireFactorKeys(db, secretKeys);
  const intake = new Intake(
    db,
    registry,
    (queue) => bell.ring(queue),
    subjectsOf(ground),
    ground.intake.sent,
  );
  const app = await buildApi({
    db,
    liveDb: openLivePool(ground),
    ring: (queue) => bell.ring(queue),
    intake,
    values,
    apiKey,
    publicUrl,
    trustedProxies: settings.trustedProxies,
    requireSecondFactor: settings.requireSecondFactor,
    signOn: settings.signOn && new SignOn(settings.signOn, publicUrl!),
    secretKeys,
    ownSessions,
    secretSources: secretSources(ground),
    guard: new OutboundGuard(settings.allowedHosts),
    logger,
    version: VERSION,
    requestsPerSecond: settings.apiRate,
    health: () => health.alive(),
    ready: () => health.ready(),
    traced,
    traceUrl: settings.traceUrl,
    kept: { runsMs: settings.retentionMs, logsMs: settings.logRetentionMs },
    databasePlace: ground.place.embedded ? "(embedded)" : ground.place.words,
    keptFolders: keptFolders(settings),
    metrics,
  });
  const intakeTest = new IntakeTest({ intake, logger });
  await begun(ground, intakeTest);
  health.add("intake", () => conditionOf([intakeTest]));
  undo.add("the API", () => app.close());
  const address = await listen(app, settings, ["MILLRACE_HOST", "MILLRACE_PORT"]);
  serving.goOn();
  return address;
}

/** Where it answers, and what callers must send. */
export function tellApi({ cli, serving: { settings } }: RungGround, address: string): void {
  tell(cli, "address", `${address}, documentation at ${address}/docs`);
  const key = settings.apiKey ? "from MILLRACE_API_KEY" : shortPath(cli, apiKeyFile(settings.home));
  tell(cli, "API key", key);
}

/** A key that is given needs no folder: a container's root may be read-only. */
function keyOf({ serving: { settings } }: RungGround): string {
  if (settings.apiKey !== undefined) return settings.apiKey;
  createHome(settings.home);
  return ensureApiKey(settings.home);
}
