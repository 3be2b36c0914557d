import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const beatsOf = async (mill: Mill) => {
  const rows = await mill.rows<{ beat: string; state: string }>(
    "select beat, state::text from millrace.worker order by id",
  );
  return rows.map(({ beat, state }) => ({ beat: Number(beat), state }));
};

test("of two workers of a process one goes on beating when the other has stopped, which beats no more", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const stopped = await mill.startWorker({ leaseMs: 200 });
  await mill.startWorker({ leaseMs: 200 });
  await until("both have beaten", async () => (await beatsOf(mill)).every(({ beat }) => beat > 0));
  await stopped.stop();
  const [gone, lively] = await beatsOf(mill);
  expect(gone!.state).toBe("gone");
  await until("the other has beaten again", async () => {
    const [, now] = await beatsOf(mill);
    return now!.beat > lively!.beat + 2;
  });
  expect((await beatsOf(mill))[0]).toEqual(gone);
});
