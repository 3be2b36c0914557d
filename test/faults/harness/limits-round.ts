import { cancel } from "millrace";
import { by } from "../../support/caller.ts";
import { until } from "../../support/until.ts";
import { exceeded, executions } from "./exceeded.ts";
import type { Rig } from "./rig.ts";
import { type PassedOver, mostPassedOver, startsTooSoon } from "./turns-taken.ts";

/** How many keyed runs of each tenant are enqueued. Those with a backlog come first, and could fill all slots between them. */
const BACKLOG: Readonly<Record<string, number>> = { big: 20, large: 20, tiny: 4 };
const RATED = 16;
const DEADLINE = { deadlineMs: 120_000 };

/** As the job `keyed` of fault.job.mjs has it. */
const KEY_LIMIT = 2;
const JOB_LIMIT = 3;

/** And as `rated` has it. */
const RATE = { perMs: 8 / 1000, burst: 4 };

/**
 * Starts of others that a tenant with room may have to look on at. In turns it would be as many as there are others; a
 * lane that is just being settled is passed over by a claim that does not wait, and 5 were seen. Without turns it is some 20.
 */
const PATIENCE = 12;

export interface LimitsRound {
  /** What should not have been, a sentence each. */
  faults: string[];
  /** Attempts that were lost with a killed worker. */
  lost: number;
  /** The most that ran at once, by the ledger: of one tenant, of all. */
  atOnce: { key: number; job: number };
  passedOver: PassedOver;
}

/**
 * Sixty runs with limits by key and job, and with a rate, on workers of which so many are killed while they execute some.
 * Nothing may exceed a limit; at the end every slot must be free; and a tenant with a backlog must not keep others waiting.
 *
 * @param kills less than the rig has workers: those that are left do the rest, for a new one would come late
 */
export async function limitsRound(
  rig: Rig,
  kills: number,
  random: () => number,
): Promise<LimitsRound> {
  const tenants = new Map<string, string>();
  const ask = async (job: string, tenant: string, ms: number) => {
    const id = await rig.accepted(job, { tenant, ms });
    if (job === "keyed") tenants.set(id, tenant);
    return id;
  };
  const ms = () => 150 + Math.floor(random() * 250);
  const keyed = Object.entries(BACKLOG).flatMap(([tenant, runs]) =>
    Array.from({ length: runs }, () => ask("keyed", tenant, ms())),
  );
  const rated = await Promise.all(Array.from({ length: RATED }, () => ask("rated", "any", 20)));
  await Promise.all(keyed);

  for (let kill = 0; kill < kills; kill++) {
    await keyedStarts(rig, tenants, 1 + Math.floor(random() * 5));
    await rig.bury(await holder(rig, tenants));
  }
  await rig.settled(DEADLINE.deadlineMs);
  const faults = await slotsLeaked(rig);

  const ran = executions(rig.ledger(), rig.history.read()).filter(({ run }) => tenants.has(run));
  const key = exceeded(ran, KEY_LIMIT, (run) => `tenant ${tenants.get(run)}`);
  const job = exceeded(ran, JOB_LIMIT, () => "the job");
  const passedOver = await mostPassedOver(rig.observer, tenants, KEY_LIMIT);
  faults.push(...key.faults, ...job.faults, ...(await startsTooSoon(rig.observer, rated, RATE)));
  if (passedOver.times > PATIENCE) {
    faults.push(`tenant ${passedOver.tenant} was passed over ${passedOver.times} times`);
  }
  const [row] = await rig.rows<{ lost: number }>(
    "select count(*)::int as lost from millrace.attempt where outcome = 'lost' and run_id = any ($1::uuid[])",
    [[...tenants.keys()]],
  );
  return { faults, lost: row!.lost, atOnce: { key: key.most, job: job.most }, passedOver };
}

/** The moment for a kill comes by what happens, not by a clock: after so many more starts. */
async function keyedStarts(rig: Rig, tenants: Map<string, string>, more: number): Promise<void> {
  const starts = () => keyedNow(rig, tenants).length;
  const goal = starts() + more;
  await until(`${more} more keyed runs have started`, () => starts() >= goal, DEADLINE);
}

function keyedNow(rig: Rig, tenants: Map<string, string>) {
  return executions(rig.ledger(), rig.history.read()).filter(({ run }) => tenants.has(run));
}

/** A worker that executes keyed runs at this moment. */
function holder(rig: Rig, tenants: Map<string, string>) {
  return until(
    "a worker executes keyed runs",
    () => {
      const open = keyedNow(rig, tenants).findLast(({ to }) => to === Infinity);
      return [...rig.workers].find(({ pid }) => pid === open?.pid);
    },
    DEADLINE,
  );
}

/** With nothing else open, every tenant's slots, and those of the job, are filled by new runs at once, or one has leaked. */
async function slotsLeaked(rig: Rig): Promise<string[]> {
  const faults: string[] = [];
  const names = Object.keys(BACKLOG);
  for (const [n, tenant] of names.entries()) {
    const other = names[(n + 1) % names.length]!;
    const keys = Array.from({ length: JOB_LIMIT }, (_, slot) =>
      slot < KEY_LIMIT ? tenant : other,
    );
    const runs = await Promise.all(
      keys.map((key) => rig.accepted("keyed", { tenant: key, ms: 3_600_000 })),
    );
    const started = await Promise.allSettled(runs.map((run) => rig.untilNoted(run, /start/)));
    const waiting = keys.filter((_, slot) => started[slot]!.status === "rejected");
    if (waiting.length > 0)
      faults.push(`a slot has leaked: new runs of ${waiting.join(", ")} wait`);
    await Promise.all(
      runs.map((runId) => cancel(rig.db, by("the round"), { runId, reason: null })),
    );
    await rig.settled();
  }
  return faults;
}
