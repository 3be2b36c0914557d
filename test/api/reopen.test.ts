import { Intake, JobRegistry, advanceOperation } from "millrace";
import { expect, test } from "vitest";
import { type ApiUnderTest, JOBS, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

const act = (api: ApiUnderTest, id: string, what: string, json?: object) =>
  api.call(`/api/v1/dead-letters/${id}/${what}`, { method: "POST", json });

const openOnes = async (api: ApiUnderTest): Promise<string[]> => {
  const { body } = await api.call("/api/v1/dead-letters?limit=100");
  return body.deadLetters.map(({ runId }: { runId: string }) => runId).toSorted();
};

async function operate(api: ApiUnderTest, json: object, parts = Infinity) {
  const { status, body } = await api.call("/api/v1/operations", { json });
  expect(status, JSON.stringify(body)).toBe(201);
  const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
  for (let n = 0; n < parts && (await advanceOperation(api.db, intake)).worked; n++) continue;
  return (await api.call(`/api/v1/operations/${body.id}`)).body;
}

test("a dismissal is taken back: the dead letter is as nobody had handled it, and its timeline has both", async () => {
  const api = await startApi();
  const [id] = (await seedDeadLetters(api.db, 1)) as [string];
  await act(api, id, "dismiss", { note: "too early" });
  expect(await openOnes(api)).toEqual([]);
  expect((await act(api, id, "reopen")).status).toBe(204);
  expect(await openOnes(api)).toEqual([id]);
  expect((await api.call(`/api/v1/dead-letters/${id}`)).body.handled).toBeNull();
  const { timeline } = (await api.call(`/api/v1/runs/${id}`)).body;
  const events = timeline.map(({ event }: { event: string }) => event);
  expect(events.slice(-2)).toEqual(["dismissed", "reopened"]);
  expect((await act(api, id, "reopen")).status, "it is open").toBe(204);
  expect((await act(api, id, "rerun")).status).toBe(201);
});

test("what was rerun stays handled, and what is no dead letter, or gone, is none", async () => {
  const api = await startApi();
  const [rerun, gone] = (await seedDeadLetters(api.db, 2)) as [string, string];
  const { body: made } = await act(api, rerun, "rerun");
  expect((await act(api, rerun, "reopen")).body).toMatchObject({
    ...{ code: "dead_letter_handled", detail: expect.stringContaining(`rerun as ${made.id}`) },
  });
  await act(api, gone, "dismiss");
  await api.db.query("delete from millrace.run where id = $1", [gone]);
  for (const id of [gone, made.id as string]) {
    expect((await act(api, id, "reopen")).body.code).toBe("dead_letter_not_found");
  }
});

test("an operation opens again what another has dismissed, and nothing that somebody else did", async () => {
  const api = await startApi();
  const ids = await seedDeadLetters(api.db, 5);
  await act(api, ids[0]!, "dismiss");
  const dismissal = await operate(api, { kind: "dismiss", filter: {}, note: "gone" });
  expect(dismissal).toMatchObject({ total: 4, done: 4 });
  await act(api, ids[1]!, "reopen");
  await act(api, ids[1]!, "dismiss");
  const asked = { kind: "reopen", operation: dismissal.id };
  const preview = await api.call("/api/v1/operations/preview", { json: asked });
  expect(preview.body).toEqual({ matches: 3, samples: [] });

  const begun = await operate(api, asked, 0);
  expect(begun).toMatchObject({ kind: "reopen", total: 3, filter: { operation: dismissal.id } });
  await act(api, ids[2]!, "reopen");
  const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
  while ((await advanceOperation(api.db, intake)).worked) continue;
  const { body: ended } = await api.call(`/api/v1/operations/${begun.id}`);
  expect(ended).toMatchObject({ state: "completed", done: 2, skipped: 1, refused: 0 });
  expect(await openOnes(api)).toEqual(ids.slice(2).toSorted());

  const again = await api.call("/api/v1/operations", { json: asked });
  expect(again.body).toMatchObject({ code: "dead_letter_not_found", pointer: "/operation" });
});
