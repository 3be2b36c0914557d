import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { LONG_LEASE } from "./harness/rig.ts";
import { expectWhole, testRig } from "./harness/test-rig.ts";

test.each([
  ["note.before", "verify", 2],
  ["note.after_commit", "verify", 2],
  ["receipt.before", "verify", 1],
  ["receipt.after_commit", "verify", 1],
  ["note.after_commit", "idempotent", 2],
  ["receipt.before", "idempotent", 1],
  ["note.before", "alone", 2],
  ["note.after_commit", "alone", "none"],
  ["receipt.before", "alone", "doubt"],
  ["receipt.after_commit", "alone", 1],
] as const)(
  "a worker that is killed at %s leaves one effect, or none, to be verified or repeated under its key; else it is in doubt (%s, %s)",
  { timeout: 90_000 },
  async (point, way, end) => {
    const rig = await testRig(LONG_LEASE);
    await rig.rows("create table effect (run uuid, attempt int)");
    await rig.startReaper();
    await rig.startDispatcher();
    const { child: victim, failpoints } = await rig.startHeldWorker();
    await victim.waitForLine(/^ready$/, { deadlineMs: 60_000 });
    const held = failpoints.hold(point);
    const id = await rig.accepted("charging", { way });
    await held;
    await rig.bury(victim);
    await rig.startWorker();
    const effects = () => rig.rows("select attempt from effect where run = $1", [id]);
    if (typeof end === "number") {
      await rig.settled();
      await expectWhole(rig);
      expect(await effects()).toEqual([{ attempt: end }]);
      expect(await rig.rows("select output from millrace.run")).toEqual([
        { output: { attempt: end } },
      ]);
      expect(await rig.rows("select 1 from millrace.waiter")).toEqual([]);
    } else {
      await until("a person is asked", async () => {
        const rows = await rig.rows("select 1 from millrace.timer where reason = 'wait'");
        return rows.length === 1;
      });
      expect(await effects()).toHaveLength(end === "none" ? 0 : 1);
      expect(
        await rig.rows("select attempt, tries, doubt is not null as doubted from millrace.waiter"),
      ).toEqual([{ attempt: 1, tries: 1, doubted: true }]);
    }
  },
);

test.each([
  ["written", 2],
  ["recorded", 2],
  ["committed", 1],
] as const)(
  "a worker that is killed when its transaction is %s leaves its one effect, of attempt %i",
  { timeout: 90_000 },
  async (at, attempt) => {
    const rig = await testRig(LONG_LEASE);
    await rig.rows("create table effect (run uuid, attempt int)");
    await rig.startReaper();
    await rig.startDispatcher();
    const victim = await rig.startWorker();
    const id = await rig.accepted("booking", { at });
    await rig.untilNoted(id, new RegExp(`^${at}$`), 1);
    await rig.bury(victim);
    await rig.startWorker();
    await rig.settled();
    await expectWhole(rig);
    expect(await rig.rows("select run, attempt from effect")).toEqual([{ run: id, attempt }]);
    expect(await rig.rows("select output from millrace.run")).toEqual([{ output: { attempt } }]);
    expect(await rig.rows("select kind, attempt from millrace.step")).toEqual([
      { kind: "transaction", attempt },
    ]);
  },
);
