import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { readEvents } from "../support/event-reader.ts";
import { until } from "../support/until.ts";

interface Seed {
  seq: number;
  level?: string;
  message?: string;
  step?: string;
  at?: string;
  fields?: object;
}

async function log(api: ApiUnderTest, run: string, lines: readonly Seed[]): Promise<void> {
  await api.db.query(
    `insert into millrace.log (run_id, seq, attempt, at, level, message, fields, step)
     select $1, (l->>'seq')::bigint, greatest(1, (l->>'seq')::bigint / 100000), coalesce((l->>'at')::timestamptz, clock_timestamp()),
       coalesce(l->>'level', 'info'), coalesce(l->>'message', 'line ' || (l->>'seq')), l->'fields', l->>'step'
     from jsonb_array_elements($2::jsonb) l`,
    [run, JSON.stringify(lines)],
  );
}

async function newRun(api: ApiUnderTest, job = "nothing"): Promise<string> {
  const { body } = await api.call("/api/v1/runs", { json: { job } });
  return body.id;
}

const seqs = (lines: { seq: number }[]) => lines.map(({ seq }) => seq);

test("a log is read from the beginning, from the end, and on from both", async () => {
  const api = await startApi();
  const run = await newRun(api);
  await log(
    api,
    run,
    Array.from({ length: 10 }, (_, n) => ({ seq: 100_000 + n })),
  );
  const read = async (query: string) => (await api.call(`/api/v1/runs/${run}/logs?${query}`)).body;
  const first = await read("limit=4");
  expect(first).toMatchObject({ next: 100_003, previous: null });
  expect(seqs(first.lines)).toEqual([100_000, 100_001, 100_002, 100_003]);
  const last = await read("before=end&limit=4");
  expect(last).toMatchObject({ next: null, previous: 100_006 });
  expect(seqs(last.lines)).toEqual([100_006, 100_007, 100_008, 100_009]);
  const middle = await read(`before=${last.previous}&after=${first.next}&limit=4`);
  expect(seqs(middle.lines)).toEqual([100_004, 100_005]);
  expect(middle.previous).toBeNull();
  expect(await read("after=100009")).toEqual({ lines: [], next: null, previous: null });
});

test("lines are found by level, attempt, time, and what they say", async () => {
  const api = await startApi();
  const run = await newRun(api);
  await log(api, run, [
    { seq: 100_000, level: "debug", message: "Fetching PAGE 1", at: "2026-01-01T00:00:00Z" },
    { seq: 100_001, message: "done", fields: { url: "https://a.example/Page" } },
    { seq: 100_002, level: "warn", message: "slow", step: "page" },
    { seq: 200_000, level: "error", message: "100 %_" },
    { seq: 200_001, message: "over" },
  ]);
  const found = async (query: string) =>
    seqs((await api.call(`/api/v1/runs/${run}/logs?${query}`)).body.lines);
  expect(await found("level=warn")).toEqual([100_002, 200_000]);
  expect(await found("level=debug&attempt=1")).toEqual([100_000, 100_001, 100_002]);
  expect(await found("attempt=2&before=end&limit=1")).toEqual([200_001]);
  expect(await found("attempt=3")).toEqual([]);
  expect(await found("since=2026-01-02T00:00:00Z")).toEqual([100_001, 100_002, 200_000, 200_001]);
  expect(await found("q=pAgE")).toEqual([100_000, 100_001, 100_002]);
  expect(await found("q=pAgE&before=end&limit=2")).toEqual([100_001, 100_002]);
  expect(await found(`q=${encodeURIComponent("%_")}`)).toEqual([200_000]);
  for (const query of ["q=", `q=${"x".repeat(201)}`, "level=loud", "attempt=0", "before=first"]) {
    const answer = await api.call(`/api/v1/runs/${run}/logs?${query}`);
    expect([answer.status, answer.body.code], query).toEqual([400, "invalid_request"]);
  }
});

test("a search looks at 5,000 lines at a time, and says where it goes on", async () => {
  const api = await startApi();
  const run = await newRun(api);
  await log(
    api,
    run,
    Array.from({ length: 12_000 }, (_, n) => ({
      seq: 100_000 + n,
      message: n % 5999 === 0 ? "a needle" : "hay",
    })),
  );
  const found: number[] = [];
  const pages: number[] = [];
  for (let after: number | null = -1; after !== null;) {
    const { body }: { body: { lines: { seq: number }[]; next: number | null } } = await api.call(
      `/api/v1/runs/${run}/logs?q=needle&after=${after}`,
    );
    found.push(...seqs(body.lines));
    pages.push(body.lines.length);
    after = body.next;
  }
  expect(found).toEqual([100_000, 105_999, 111_998]);
  expect(pages).toEqual([1, 1, 1]);
});

test("a stream tells what was said, then what is said, and ends with the run", async () => {
  const api = await startApi();
  const run = await newRun(api);
  const claimed = await api.claim();
  await log(
    api,
    run,
    Array.from({ length: 1200 }, (_, n) => ({ seq: 100_000 + n })),
  );
  const stream = await readEvents(`${api.url}/api/v1/runs/${run}/logs/stream`);
  await until("all of before is there", () => stream.events.length === 1200);
  await log(api, run, [
    { seq: 101_200, message: "two\nlines", fields: { n: 1 }, step: "a", level: "warn" },
  ]);
  await until("what came then is there", () => stream.events.length === 1201);
  expect(stream.events.at(-1)).toEqual({
    id: "101200",
    event: "line",
    data: {
      seq: 101_200,
      attempt: 1,
      at: expect.any(String),
      level: "warn",
      step: "a",
      message: "two\nlines",
      fields: { n: 1 },
    },
  });
  await claimed.settle({ verdict: "complete", output: "1" });
  await until("it has ended", () => stream.ended);
  expect(stream.events.at(-1)).toMatchObject({ event: "end", data: { state: "completed" } });
  expect(stream.events.slice(0, -1).map(({ id }) => Number(id))).toEqual(
    Array.from({ length: 1201 }, (_, n) => 100_000 + n),
  );

  const again = await readEvents(`${api.url}/api/v1/runs/${run}/logs/stream`, {
    lastEventId: "101198",
  });
  await until("it has ended, too", () => again.ended);
  expect(again.events.map(({ id, event }) => id ?? event)).toEqual(["101199", "101200", "end"]);
});

test("a stream tells only what is wanted", async () => {
  const api = await startApi();
  const run = await newRun(api);
  const claimed = await api.claim();
  const stream = await readEvents(
    `${api.url}/api/v1/runs/${run}/logs/stream?level=warn&attempt=2&q=x&after=200001`,
  );
  await log(api, run, [
    { seq: 100_000, level: "error", message: "x" },
    { seq: 200_001, level: "error", message: "x" },
    { seq: 200_002, level: "info", message: "x" },
    { seq: 200_003, level: "warn", message: "y" },
    { seq: 200_004, level: "error", message: "X" },
  ]);
  await claimed.settle({ verdict: "complete", output: null });
  await until("it has ended", () => stream.ended);
  expect(stream.events.map(({ id, event }) => id ?? event)).toEqual(["200004", "end"]);
});

test("however many follow, the database is asked once for all", async () => {
  const api = await startApi();
  const runs = await Promise.all(Array.from({ length: 10 }, () => newRun(api)));
  let asked = 0;
  const query = api.db.query.bind(api.db) as (...given: unknown[]) => unknown;
  Object.assign(api.db, {
    query: (...given: unknown[]) => {
      if ((given[0] as { name?: string }).name === "read_log_tails") asked++;
      return query(...given);
    },
  });
  const streams = await Promise.all(
    runs.flatMap((run) =>
      [1, 2, 3, 4].map(() => readEvents(`${api.url}/api/v1/runs/${run}/logs/stream`)),
    ),
  );
  const before = asked;
  const startedAt = performance.now();
  for (let round = 0; round < 3; round++) {
    for (const run of runs) await log(api, run, [{ seq: 100_000 + round }]);
    await until("all have it", () => streams.every(({ events }) => events.length === round + 1));
  }
  // Twice a second, and as often again for what comes between two looks.
  expect(asked - before).toBeLessThan(10 + (performance.now() - startedAt) / 100);
});

test("whoever may not read a run's log gets no stream of it, and who may no more loses theirs", async () => {
  const api = await startApi();
  const run = await newRun(api);
  const path = `/api/v1/runs/${run}/logs/stream`;
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const make = async (json: object) => (await api.call("/api/v1/keys", { json })).body;
  const stranger = await make({ name: "stranger", role: "admin", projects: ["crm"] });
  const worker = await make({ name: "worker", role: "worker" });
  const viewer = await make({ name: "viewer", role: "viewer" });
  expect((await api.call(path, { key: stranger.key })).body.code).toBe("run_not_found");
  expect((await api.call(path, { key: worker.key })).body.code).toBe("forbidden");
  expect((await api.call(path, { key: null })).body.code).toBe("unauthorized");
  expect(
    (await api.call("/api/v1/runs/01934f6e-7c00-7000-9d3a-5f0e3c1b2a49/logs/stream")).body.code,
  ).toBe("run_not_found");

  const stream = await readEvents(`${api.url}${path}`, { key: viewer.key });
  expect(stream.status).toBe(200);
  await log(api, run, [{ seq: 100_000 }]);
  await until("it has the line", () => stream.events.length === 1);
  await api.call(`/api/v1/keys/${viewer.id}`, { method: "DELETE" });
  await until("it has ended", () => stream.ended);
  expect(stream.events.at(-1)).toMatchObject({
    event: "problem",
    data: { status: 401, code: "unauthorized" },
  });
});

test("a Last-Event-ID that is no line's is refused", async () => {
  const api = await startApi();
  const run = await newRun(api);
  const answer = await api.call(`/api/v1/runs/${run}/logs/stream`, {
    headers: { "last-event-id": "1 or 1=1" },
  });
  expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
});
