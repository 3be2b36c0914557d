import { defineJob } from "@millrace/sdk";
import { disableOne, drain, enableOne, reopen } from "../../packages/server/src/engine/close.ts";
import { expect, test } from "vitest";
import { by } from "../support/caller.ts";
import { Timepiece } from "./timepiece.ts";

const job = defineJob({ name: "work", run: () => null });

const why = { reason: "it writes twice", until: null };

test("a schedule of a job that is disabled, or into a queue that is drained, skips with the reason, and has no trouble of its own", async () => {
  const time = await Timepiece.at("2027-01-01T00:00:30Z", job);
  await time.create(job, { name: "s", cron: "* * * * *", overlap: "allow" });
  const tick = async () => {
    await time.advance("1 minute");
    await time.fire();
  };
  await disableOne(time.db, by("ana"), "work", why);
  await tick();
  await enableOne(time.db, by("ana"), "work");
  await tick();
  await drain(time.db, by("ana"), "default", why);
  await tick();
  const { rows } = await time.db.query("select problem from millrace.schedule");
  expect(rows).toEqual([{ problem: null }]);
  await reopen(time.db, by("ana"), "default");
  await tick();
  const [disabled, first, drained, second] = await time.ledger("s");
  expect(disabled).toMatchObject({
    ...{ outcome: "skipped", run_id: null },
    reason: expect.stringMatching(/^job 'work' is disabled by ana: it writes twice\. /),
  });
  expect(drained).toMatchObject({
    ...{ outcome: "skipped", run_id: null },
    reason: expect.stringMatching(/^queue 'default' is being drained by ana: it writes twice\. /),
  });
  expect([first!.outcome, second!.outcome]).toEqual(["fired", "fired"]);
});
