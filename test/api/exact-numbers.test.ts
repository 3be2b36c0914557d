import { expect, test } from "vitest";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

/** No double holds them: JavaScript prints another number. */
const LONG = ["9007199254740993", "-12345678901234567890", "0.12345678901234567890"];
const PAYLOAD = `{"of": {"id": ${LONG[0]}}, "list": [${LONG[1]}, ${LONG[2]}]}`;

/** A failed run that came in by SQL, as such numbers do, with one of them wherever somebody's JSON is kept. */
async function seeded(): Promise<{ api: ApiUnderTest; id: string }> {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1, { input: PAYLOAD });
  const values = [id, PAYLOAD];
  for (const text of [
    "update millrace.run set output = $2::jsonb where id = $1",
    `insert into millrace.event (run_id, event, detail) values ($1, 'noted', jsonb_build_object('payload', $2::jsonb))`,
    `insert into millrace.log (run_id, seq, attempt, at, level, message, fields) values ($1, 1, 1, now(), 'info', 'said', $2::jsonb)`,
    `insert into millrace.step (run_id, name, ordinal, kind, attempt, started_at, finished_at, value, seq) values ($1, 'count', 1, 'step', 1, now(), now(), $2::jsonb, 1)`,
  ]) {
    await api.db.query(text, values);
  }
  return { api, id: id! };
}

/** How often an answer has each of the numbers, to the last digit. */
const counts = (text: string) => LONG.map((number) => text.split(number).length - 1);

test.each([
  ["a run: input, output, what happened", (id: string) => `/api/v1/runs/${id}`, 3],
  [
    "what it has on record: input, output, results of steps",
    (id: string) => `/api/v1/runs/${id}/record`,
    3,
  ],
  ["its log", (id: string) => `/api/v1/runs/${id}/logs`, 1],
  ["its log among those of others", () => "/api/v1/logs?q=said", 1],
  ["an export", () => "/api/v1/runs/export?payloads=true", 2],
  ["a dead letter", (id: string) => `/api/v1/dead-letters/${id}`, 1],
  ["an automation: payload and result", (id: string) => `/automations/${id}`, 2],
] as const)("%s comes with all digits", async (_, path, times) => {
  const { api, id } = await seeded();
  const { status, text } = await api.call(path(id));
  expect(status).toBe(200);
  expect(counts(text)).toEqual(LONG.map(() => times));
});

test("a stream has all digits, too", async () => {
  const { api, id } = await seeded();
  const answer = await fetch(`${api.url}/api/v1/runs/${id}/logs/stream`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  expect(counts(await answer.text())).toEqual([1, 1, 1]);
});

test("the sample of an error group and its differences from a success have all digits, also where only the last one differs", async () => {
  const api = await startApi();
  const good = PAYLOAD.replace("993", "995");
  await api.db.query("select millrace.enqueue_many($1::jsonb)", [
    `[{"job":"any/thing","queue":"slow","input":${good}},{"job":"any/thing","queue":"slow","input":${PAYLOAD}}]`,
  ]);
  const claimed = await api.claim(["slow"]);
  const failure = {
    class: "HttpError",
    message: "503",
    stack: null,
    fingerprint: "00000000000000aa",
  };
  await claimed.settle({ verdict: "complete", output: "null" }, 0);
  await claimed.settle({ verdict: "fail", failure }, 1);
  await countEnds(api.db, 1000);
  const group = await api.call("/api/v1/errors/00000000000000aa");
  expect(group.body).toMatchObject({ sample: { job: "any/thing" }, diff: { more: false } });
  expect(group.text).toContain(`"before":${LONG[0]!.replace("993", "995")},"after":${LONG[0]}`);
  expect(group.text).toContain(`"list":[${LONG[1]},${LONG[2]}]`);
});

test("what a patch leaves alone keeps its digits in the preview, in the rerun, and in what the API then says of it", async () => {
  const { api, id } = await seeded();
  const patch = [{ op: "add", path: "/again", value: true }];
  const path = `/api/v1/dead-letters/${id}`;
  const preview = await api.call(`${path}/preview`, { json: { patch } });
  expect(counts(preview.text)).toEqual([2, 2, 2]);
  const { body } = await api.call(`${path}/rerun`, { json: { patch } });
  expect(counts((await api.call(`/api/v1/runs/${body.id}`)).text)).toEqual([1, 1, 1]);
});

test("in a patch itself such a number is refused, with why", async () => {
  const { api, id } = await seeded();
  const { status, text } = await api.call(`/api/v1/dead-letters/${id}/rerun`, {
    text: `{"patch":[{"op":"add","path":"/n","value":${LONG[0]}}]}`,
    headers: { "content-type": "application/json" },
  });
  expect([status, text]).toEqual([400, expect.stringContaining("send it as text")]);
});
