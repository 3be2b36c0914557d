import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

async function list(api: ApiUnderTest, query = ""): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body } = await api.call(
      `/api/v1/dead-letters?${query}${cursor && `&cursor=${cursor}`}`,
    );
    seen.push(...body.deadLetters.map((letter: { runId: string }) => letter.runId));
    cursor = body.nextCursor;
  }
  return seen;
}

test("failures that one would mend together are one group, whatever their numbers, and counted apart by job", async () => {
  const api = await startApi();
  const input = { name: "Ada" };
  const runs = [1, 2, 3].map((n) => (n < 3 ? { job: "greet", input } : { job: "nothing" }));
  await api.call("/api/v1/runs/bulk", { json: { runs } });
  const claimed = await api.claim();
  for (const [place, n] of [4711, 4712, 4713].entries()) {
    const failure = { class: "HttpError", message: `no answer about order ${n}`, stack: null };
    await claimed.settle({ verdict: "fail", failure }, place);
  }
  await seedDeadLetters(api.db, 2, { fingerprint: null, errorClass: "OldError" });
  const { body } = await api.call("/api/v1/dead-letters/groups");
  expect(body).toEqual({
    complete: true,
    total: 5,
    groups: [
      {
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
        errorClass: "HttpError",
        count: 3,
        firstSeen: expect.any(String),
        lastSeen: expect.any(String),
        jobs: ["greet", "nothing"],
        sample: { runId: claimed.runs[2]!.runId, message: "no answer about order 4713" },
      },
      expect.objectContaining({ fingerprint: null, errorClass: "OldError", count: 2 }),
    ],
  });
  const [group] = body.groups;
  expect(await list(api, `fingerprint=${group.fingerprint}`)).toHaveLength(3);
  const { body: some } = await api.call("/api/v1/dead-letters/groups?job=nothing");
  expect(some).toMatchObject({ groups: [{ count: 1 }], total: 1 });
  const { body: largest } = await api.call("/api/v1/dead-letters/groups?limit=1");
  expect(largest).toMatchObject({ groups: [{ count: 3 }], total: 5 });
  const { body: none } = await api.call("/api/v1/dead-letters/groups?job=unheard-of");
  expect(none).toEqual({ groups: [], total: 0, complete: true });
});

test("dead letters are found by job, queue, class, text and time, page by page", async () => {
  const api = await startApi();
  const first = await seedDeadLetters(api.db, 3);
  await api.db.query("update millrace.dead_letter set failed_at = '2026-01-01T00:00:00Z'");
  const second = await seedDeadLetters(api.db, 2, {
    job: "greet",
    queue: "default",
    errorClass: "TypeError",
    message: "100 % of Order $n_ is wrong",
  });
  const all = [...first, ...second].toReversed();
  expect(await list(api)).toEqual(all);
  expect(await list(api, "limit=2")).toEqual(all);
  for (const query of [
    "job=greet",
    "queue=default",
    "errorClass=TypeError",
    "text=100%20%25%20OF",
    "text=order%201_",
    "since=2026-06-01T00:00:00Z",
  ]) {
    const found = await list(api, query);
    expect(found, query).toEqual(query.includes("1_") ? [second[0]] : second.toReversed());
  }
  expect(await list(api, "until=2026-06-01T00:00:00Z")).toEqual(first.toReversed());
  expect(await list(api, "job=greet&errorClass=HttpError")).toEqual([]);
  for (const wrong of ["fingerprint=x", "since=yesterday", "text=", "colour=red", "limit=201"]) {
    expect((await api.call(`/api/v1/dead-letters?${wrong}`)).status, wrong).toBe(400);
  }
});

test("one dead letter is shown with its input and attempts, and how it was handled", async () => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1);
  const path = `/api/v1/dead-letters/${id}`;
  expect((await api.call(path)).body).toMatchObject({
    runId: id,
    input: { n: 1 },
    error: { class: "HttpError", message: "503 for order 1" },
    attempts: [{ number: 1, outcome: "failed", error: { stack: "the stack" } }],
    handled: null,
  });
  await api.call(`${path}/dismiss`, { json: { note: "known" } });
  expect((await api.call(path)).body.handled).toMatchObject({
    by: "api",
    resolution: "dismissed",
    note: "known",
    rerun: null,
    operation: null,
  });
  const unknown = await api.call(`/api/v1/dead-letters/${id!.replace(/.$/, "0")}`);
  expect([200, 404]).toContain(unknown.status);
  expect(
    (await api.call(`/api/v1/dead-letters/01934f6e-7c00-7000-9d3a-5f0e3c1b2a49`)).body.code,
  ).toBe("dead_letter_not_found");
});

test("a patch is shown before it is made, and the rerun has it; both runs know each other", async () => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1, {
    job: "greet",
    input: '{"name": "Ada", "id": 12345678901234567890}',
  });
  const path = `/api/v1/dead-letters/${id}`;
  const patch = [
    { op: "test", path: "/name", value: "Ada" },
    { op: "replace", path: "/name", value: "Grace" },
  ];
  const preview = await fetch(`${api.url}${path}/preview`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: "Bearer the-key-of-the-api-tests",
    },
    body: JSON.stringify({ patch }),
  });
  const text = await preview.text();
  expect(text).toContain('"before":{"id": 12345678901234567890, "name": "Ada"}');
  expect(text).toContain('"after":{"id":12345678901234567890,"name":"Grace"}');
  expect(JSON.parse(text)).toMatchObject({
    runId: id,
    job: "greet",
    accepted: true,
    problem: null,
  });

  const { body: made, status } = await api.call(`${path}/rerun`, { json: { patch } });
  expect(status).toBe(201);
  const { rows } = await api.db.query(
    "select input::text as input, rerun_of from millrace.run where id = $1",
    [made.id],
  );
  expect(rows).toEqual([{ input: '{"id": 12345678901234567890, "name": "Grace"}', rerun_of: id }]);
  expect((await api.call(path)).body.handled).toMatchObject({
    resolution: "rerun",
    rerun: made.id,
  });
  const { body: old } = await api.call(`/api/v1/runs/${id}`);
  expect(old.reruns).toEqual([made.id]);
  expect(old.timeline.find((entry: { event: string }) => entry.event === "rerun").detail).toEqual({
    run: made.id,
    patch,
  });
  const again = await api.call(`${path}/rerun`, { json: { patch } });
  expect(again).toMatchObject({ status: 409, body: { code: "dead_letter_handled" } });
});

test("a patch that the job's schema or the input refuses makes nothing", async () => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1, { job: "greet", input: '{"name":"Ada"}' });
  const path = `/api/v1/dead-letters/${id}`;
  const refused = async (patch: unknown) => {
    const { body: preview } = await api.call(`${path}/preview`, { json: { patch } });
    const { body, status } = await api.call(`${path}/rerun`, { json: { patch } });
    expect([400, 413]).toContain(status);
    return { preview, body };
  };
  const wrong = await refused([{ op: "replace", path: "/name", value: 7 }]);
  expect(wrong.preview).toMatchObject({
    before: { name: "Ada" },
    after: { name: 7 },
    accepted: false,
    problem: { code: "invalid_input", pointer: "/name" },
  });
  expect(wrong.body).toMatchObject({ code: "invalid_input", pointer: "/patch/name" });
  const missing = await refused([{ op: "remove", path: "/nobody" }]);
  expect(missing.preview).toMatchObject({ after: null, problem: { code: "invalid_patch" } });
  expect(missing.body).toMatchObject({ code: "invalid_patch", pointer: "/patch/0/path" });
  const huge = await refused([{ op: "replace", path: "/name", value: "x".repeat(300_000) }]);
  expect(huge.body.code).toBe("payload_too_large");
  const test = await refused([{ op: "test", path: "/name", value: "Eve" }]);
  expect(test.body).toMatchObject({ code: "invalid_patch", pointer: "/patch/0/value" });
  const deep = await refused(
    Array.from({ length: 80 }, (_, n) => ({ op: "add", path: "/name".repeat(n + 1), value: {} })),
  );
  expect(deep.body.code).toBe("invalid_json");
  const runs = await api.db.query("select from millrace.run where rerun_of is not null");
  expect(runs.rows).toEqual([]);
  expect((await api.call(path)).body.handled).toBeNull();
});

test.each<unknown>([
  [],
  "remove it",
  [{ op: "add", path: "/__proto__/polluted", value: 1 }],
  [{ op: "add", path: "/a/constructor/prototype/polluted", value: 1 }],
  [{ op: "copy", from: "/constructor", path: "/a" }],
  [{ op: "add", path: "a", value: 1 }],
  [{ op: "explode", path: "/a" }],
  Array.from({ length: 101 }, () => ({ op: "remove", path: "/a" })),
])("the hostile patch %j is refused before it is looked at", async (patch) => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1);
  for (const verb of ["preview", "rerun"]) {
    const { status, body } = await api.call(`/api/v1/dead-letters/${id}/${verb}`, {
      json: { patch },
    });
    expect(status).toBe(400);
    expect(body.code).toBe("invalid_request");
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("a run that is rerun from its own page, with another input, is no dead letter any more, and the audit says so", async () => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1, { input: '{"n":1,"big":9007199254740993}' });
  const json = { patch: [{ op: "replace", path: "/n", value: 2 }] };
  const { status, body: made } = await api.call(`/api/v1/runs/${id}/rerun`, { json });
  expect(status).toBe(201);
  const { rows } = await api.db.query("select input::text from millrace.run where id = $1", [
    made.id,
  ]);
  expect(rows).toEqual([{ input: '{"n": 2, "big": 9007199254740993}' }]);
  const { body: letter } = await api.call(`/api/v1/dead-letters/${id}`);
  expect(letter.handled).toMatchObject({ resolution: "rerun", rerun: made.id });
  expect(await list(api)).toEqual([]);
  const { body: audit } = await api.call("/api/v1/audit?action=run.rerun");
  expect(audit.entries[0].after).toEqual({ run: made.id, patched: true, deadLetter: true });

  await api.call(`/api/v1/runs/${id}/rerun`, { json: {} });
  const { body: again } = await api.call("/api/v1/audit?action=run.rerun");
  expect(again.entries[0].after).toMatchObject({ patched: false, deadLetter: false });
});

test("a patch of a rerun that the job refuses, or of a run that is not there, changes nothing", async () => {
  const api = await startApi();
  const [id] = await seedDeadLetters(api.db, 1, { job: "greet", input: '{"name":"Ada"}' });
  const json = { patch: [{ op: "replace", path: "/name", value: 7 }] };
  const refused = await api.call(`/api/v1/runs/${id}/rerun`, { json });
  expect([refused.status, refused.body.code]).toEqual([400, "invalid_input"]);
  expect(refused.body.pointer).toMatch(/^\/patch/);
  expect(await list(api)).toEqual([id]);
  const nowhere = await api.call(`/api/v1/runs/${NOT_THERE}/rerun`, { json });
  expect(nowhere.body.code).toBe("run_not_found");
});

test("a dead letter says what of its input differs from the last run of its job that completed", async () => {
  const api = await startApi();
  const [good] = await seedDeadLetters(api.db, 1, { input: '{"region":"us","n":1}' });
  await api.db.query("delete from millrace.dead_letter where run_id = $1", [good]);
  const [bad] = await seedDeadLetters(api.db, 1, { input: '{"region":"eu","n":1}' });
  const diffOf = async () => (await api.call(`/api/v1/dead-letters/${bad}`)).body.diff;
  expect(await diffOf()).toBeNull();
  await api.db.query("update millrace.run set state = 'completed' where id = $1", [good]);
  expect(await diffOf()).toEqual({
    against: good,
    changes: [{ path: "/region", kind: "changed", before: "us", after: "eu" }],
    more: false,
  });
});

const NOT_THERE = "01a20be0-0000-7000-8000-000000000000";
