import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { LONG_LEASE, type Rig } from "./harness/rig.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

/** A run that its handler has completed stands in its lease until the worker, or the reaper, takes it out. */
async function leasesEnded(rig: Rig): Promise<void> {
  await rig.settled();
  await until("no lease is left", async () => {
    return (await rig.rows("select id from millrace.lease")).length === 0;
  });
}

test.each([
  ["written", 2],
  ["completed", 2],
  ["committed", 1],
])(
  "a worker that is killed when its handler has %s leaves one outcome and its one effect, of attempt %i",
  { timeout: 90_000 },
  async (at, attempt) => {
    const rig = await testRig(LONG_LEASE);
    await rig.rows("create table effect (run uuid, attempt int)");
    await rig.startReaper();
    await rig.startDispatcher();
    const victim = await rig.startWorker();
    const id = await rig.accepted("paying", { at });
    await rig.untilNoted(id, new RegExp(`^${at}$`), 1);
    await rig.bury(victim);
    await rig.startWorker();
    await leasesEnded(rig);
    await expectWhole(rig);
    expect(await rig.rows("select run, attempt from effect")).toEqual([{ run: id, attempt }]);
    expect(await rig.rows("select state::text, output, losses from millrace.run")).toEqual([
      { state: "completed", output: { attempt }, losses: attempt - 1 },
    ]);
  },
);

test(
  "a worker that is stopped with its transaction open holds its run until the server ends the transaction, and then writes nothing",
  { timeout: 90_000 },
  async () => {
    const rig = await testRig({ leaseMs: 3000 });
    await rig.rows("create table effect (run uuid, attempt int)");
    await rig.startReaper();
    const zombie = await rig.startWorker();
    const id = await rig.accepted("paying", { at: "completed" });
    await rig.untilNoted(id, /^completed$/, 1);
    zombie.kill("SIGSTOP");
    await rig.startWorker();
    await until("the zombie is declared lost", async () => {
      const [row] = await rig.rows(
        "select 1 from millrace.worker where state = 'lost' and name like $1",
        [`%:${zombie.pid}`],
      );
      return row !== undefined;
    });
    expect(await rig.rows("select attempts, losses from millrace.run")).toEqual([
      { attempts: 0, losses: 0 },
    ]);
    // What idle_in_transaction_session_timeout does, without its 30 s.
    await rig.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction'`,
    );
    await rig.untilNoted(id, /^committed$/, 2);
    zombie.kill("SIGCONT");
    await leasesEnded(rig);
    await expectWhole(rig);
    expect(await rig.rows("select attempt from effect")).toEqual([{ attempt: 2 }]);
  },
);
