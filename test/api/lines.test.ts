import { defineJob } from "@millrace/sdk";
import { JobRegistry, createLogger } from "millrace";
import { expect, test } from "vitest";
import { LogNotePruner } from "../../packages/server/src/maintenance/log-note-pruner.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { openEvents } from "../support/event-source.ts";
import { until } from "../support/until.ts";

interface Seed {
  run: string;
  seq: number;
  level?: string;
  message?: string;
  fields?: object;
  at?: string;
}

interface Client {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** As a worker writes them: with a note in the same transaction. */
async function say(db: Client, ...lines: Seed[]): Promise<void> {
  await db.query(
    `with line as (
       insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
       select (l->>'run')::uuid, (l->>'seq')::bigint, 1, coalesce((l->>'at')::timestamptz, clock_timestamp()), coalesce(l->>'level', 'info'),
         coalesce(l->>'message', 'line ' || (l->>'seq')), l->'fields'
       from jsonb_array_elements($1::jsonb) l returning run_id, seq
     ), of_run as (select run_id, min(seq) as first, max(seq) as last, count(*) as lines from line group by run_id)
     insert into millrace.log_note (run_ids, firsts, lasts, lines)
     select array_agg(run_id), array_agg(first), array_agg(last), sum(lines) from of_run`,
    [JSON.stringify(lines)],
  );
}

async function enqueue(api: ApiUnderTest, job: string, json: object = {}): Promise<string> {
  return (await api.call("/api/v1/runs", { json: { job, ...json } })).body.id;
}

const follow = (api: ApiUnderTest, q: string, how?: Parameters<typeof openEvents>[1]) =>
  openEvents(`${api.url}/api/v1/logs/stream?q=${encodeURIComponent(q)}`, how);

type Source = Awaited<ReturnType<typeof follow>>;

const linesOf = ({ events }: Source) =>
  events.filter(({ event }) => event === "line").map(({ data }) => data);

const seqsOf = (source: Source) => linesOf(source).map(({ seq }) => seq);

test("who follows many runs is told the lines that match, whose they are, and where the stream is", async () => {
  const api = await startApi();
  const [one, two] = [await enqueue(api, "nothing"), await enqueue(api, "any/thing", { input: 1 })];
  const all = await follow(api, "");
  const some = await follow(api, 'job:any/* level:>=warn "503"');
  await all.next("position");
  await some.next("position");
  await say(
    api.db,
    { run: one, seq: 100_000, level: "error", message: "503" },
    { run: two, seq: 100_000, level: "info", message: "503" },
    { run: two, seq: 100_001, level: "warn", message: "code", fields: { status: 503 } },
    { run: two, seq: 100_002, level: "error", message: "504" },
  );
  const { data } = await some.next("line");
  expect(data).toEqual({
    ...{ run: two, job: "any/thing", seq: 100_001, attempt: 1, at: expect.any(String) },
    ...{ level: "warn", step: null, message: "code", fields: { status: 503 } },
  });
  await until("all of them are told", () => linesOf(all).length === 4);
  await say(api.db, { run: two, seq: 100_003, level: "error", message: "a 503" });
  await until("what follows is told", () => linesOf(some).length === 2);
  expect(seqsOf(some)).toEqual([100_001, 100_003]);
  const told = some.events.map(({ event }) => event);
  expect(told).toEqual(["position", "line", "position", "line", "position"]);
});

test("a transaction that began first and commits last is told, once, and holds nobody up", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  const source = await follow(api, "");
  await source.next("position");
  const late = await api.db.connect();
  try {
    await late.query("begin");
    await say(late, { run, seq: 100_000 });
    await say(api.db, { run, seq: 200_000 });
    await until("the other is told", () => seqsOf(source).includes(200_000));
    const { id } = source.events.findLast((event) => event.id !== undefined)!;
    const back = await follow(api, "", { lastId: id! });
    await back.next("position");
    await late.query("commit");
    await until("it is told", () => seqsOf(source).includes(100_000));
    await until("who came back is told", () => seqsOf(back).includes(100_000));
    expect(seqsOf(source)).toEqual([200_000, 100_000]);
    expect(seqsOf(back)).toEqual([100_000]);
  } finally {
    late.release();
  }
});

test("who comes back, to another server, is told what was said meanwhile", async () => {
  const api = await startApi();
  const other = await startApi({ beside: api });
  const run = await enqueue(api, "nothing");
  const source = await follow(api, "");
  await source.next("position");
  await say(api.db, { run, seq: 100_000 });
  await source.next("line");
  const { id } = await source.next("position", () => seqsOf(source).length === 1);
  source.leave();
  const { id: behind } = source.events.findLast((event) => event.id !== undefined)!;
  expect(id).toBeDefined();
  await say(api.db, { run, seq: 100_001 }, { run, seq: 100_002 });
  const back = await follow(other, "", { lastId: behind! });
  await until("all of it is told", () => seqsOf(back).length === 2);
  expect(seqsOf(back)).toEqual([100_001, 100_002]);
});

test("who was away for too long, or comes from another database, is told that something may be missing", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  const source = await follow(api, "");
  const { id } = await source.next("position");
  source.leave();
  await say(api.db, { run, seq: 100_000 });
  const [at, min, ...rest] = id!.split(".");
  const longAgo = (Number.parseInt(at!, 36) - 301_000).toString(36);
  const late = await follow(api, "", { lastId: [longAgo, min, ...rest].join(".") });
  const { data } = await late.next("lost");
  expect(data).toMatchObject({ lines: null, why: "too_late" });
  const beyond = (Number.parseInt(min!, 36) + 1_000_000).toString(36);
  const foreign = await follow(api, "", { lastId: [at, beyond, ...rest].join(".") });
  expect((await foreign.next("lost")).data).toMatchObject({ lines: null, why: "too_late" });
  for (const lastId of [
    "nonsense",
    "1.1.1.5",
    "1.0.1.",
    "1.1.9.3_2",
    "1.1.9.3_",
    "1.zzzzzzzzzzzz.zzzzzzzzzzzz.",
  ]) {
    expect((await follow(api, "", { lastId })).status, lastId).toBe(400);
  }
});

test("of a flood the newest lines are told, and how many others were said", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  const source = await follow(api, "");
  await source.next("position");
  const client = await api.db.connect();
  try {
    // Of one look: a look between two of them would have both.
    await client.query("begin");
    for (let batch = 0; batch < 30; batch++) {
      const from = 100_000 + batch * 300;
      await say(client, ...Array.from({ length: 300 }, (_, n) => ({ run, seq: from + n })));
    }
    await client.query("commit");
  } finally {
    client.release();
  }
  const { data } = await source.next("lost");
  expect(data).toMatchObject({ lines: 3900, why: "too_many" });
  // What is read of them comes in parts, as the client takes them, and of those some may be told as lost, too.
  const told = () =>
    source.events.reduce(
      (sum, { event, data: lost }) => (event === "lost" ? sum + lost.lines : sum),
      linesOf(source).length,
    );
  await until("all is told", () => told() >= 9000);
  expect(told()).toBe(9000);
  expect(seqsOf(source)).toEqual(seqsOf(source).toSorted((a, b) => a - b));
});

test("of a flood who is confined to a project is not told how much the others said", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const run = await enqueue(api, "nothing");
  const [all, confined] = [await follow(api, ""), await follow(api, "", { key: made.body.key })];
  for (const source of [all, confined]) await source.next("position");
  const client = await api.db.connect();
  try {
    await client.query("begin");
    for (let batch = 0; batch < 20; batch++) {
      const from = 100_000 + batch * 300;
      await say(client, ...Array.from({ length: 300 }, (_, n) => ({ run, seq: from + n })));
    }
    await client.query("commit");
  } finally {
    client.release();
  }
  expect((await all.next("lost")).data).toMatchObject({ lines: 900, why: "too_many" });
  expect((await confined.next("lost")).data).toMatchObject({ lines: null, why: "too_many" });
  expect(linesOf(confined)).toEqual([]);
});

test("all who ask the same share one look a second, however busy the database is, and nobody looks when nobody follows", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  const asked = { read_new_lines: 0, match_lines: 0 };
  const client = await api.db.connect();
  const prototype = Object.getPrototypeOf(client) as { query: (...given: unknown[]) => unknown };
  client.release();
  const { query } = prototype;
  prototype.query = function (...given: unknown[]) {
    const { name } = (given[0] ?? {}) as { name?: keyof typeof asked };
    if (name && name in asked) asked[name]++;
    return query.apply(this, given);
  };
  // Each of them is another snapshot, and nobody's business.
  let busy = true;
  const others = (async () => {
    while (busy) await api.db.query("select pg_current_xact_id()");
  })();
  try {
    const sources = await Promise.all(Array.from({ length: 20 }, () => follow(api, "job:nothing")));
    for (const source of sources) await source.next("position");
    const begun = asked.read_new_lines;
    // The first look may have begun when not all had come.
    await until("two looks are over", () => asked.read_new_lines > begun + 1);
    const startedAt = performance.now();
    const before = { ...asked };
    for (let round = 0; round < 3; round++) {
      await say(api.db, { run, seq: 100_000 + round });
      await until("all have it", () => sources.every((source) => linesOf(source).length > round));
    }
    const seconds = (performance.now() - startedAt) / 1000;
    expect(asked.match_lines - before.match_lines).toBe(3);
    expect(asked.read_new_lines - before.read_new_lines).toBeLessThanOrEqual(seconds + 2);
    for (const source of sources) source.leave();
    await until("nobody follows", async () =>
      (await api.call("/metrics")).text.includes("millrace_log_followers 0\n"),
    );
  } finally {
    busy = false;
    await others;
    prototype.query = query;
  }
});

test("who is confined to a project is told its lines alone, also beside who asks the same of all", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const [own, other] = [await enqueue(api, "crm/sync"), await enqueue(api, "nothing")];
  // Who asks the same, and may see all.
  const all = await follow(api, "");
  await all.next("position");
  const source = await follow(api, "", { key: made.body.key });
  await source.next("position");
  await say(api.db, { run: other, seq: 100_000 }, { run: own, seq: 100_000 });
  await source.next("line");
  await say(api.db, { run: other, seq: 100_001 }, { run: own, seq: 100_001 });
  await until("the next is told", () => linesOf(source).length === 2);
  expect(linesOf(source).map(({ run }) => run)).toEqual([own, own]);
  expect(linesOf(all)).toHaveLength(4);
  const { body } = await api.call("/api/v1/logs", { key: made.body.key });
  expect(body.lines.map(({ run }: { run: string }) => run)).toEqual([own, own]);
  expect((await follow(api, "", { key: "mr_wrong" })).status).toBe(401);
});

test("a reader that is slower than what is said is told how much it has lost, and goes on", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  const answer = await fetch(`${api.url}/api/v1/logs/stream`, {
    headers: { authorization: "Bearer the-key-of-the-api-tests" },
  });
  const reader = answer.body!.getReader();
  let text = new TextDecoder().decode((await reader.read()).value);
  const message = "x".repeat(8000);
  // Enough to fill the connection, and what is kept for it.
  for (let batch = 0; batch < 8; batch++) {
    const from = 100_000 + batch * 250;
    await say(api.db, ...Array.from({ length: 250 }, (_, n) => ({ run, seq: from + n, message })));
  }
  const followed = await follow(api, "");
  await followed.next("position");
  while (!text.includes("event: lost"))
    text += new TextDecoder().decode((await reader.read()).value);
  await say(api.db, { run, seq: 200_000, message: "the last" });
  while (!text.includes("the last")) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  const lost = [...text.matchAll(/event: lost\ndata: (.*)\n/g)].map(
    ([, data]) => JSON.parse(data!) as { lines: number; why: string },
  );
  const told = [...text.matchAll(/^data: .*"seq":(\d+)/gm)].map(([, seq]) => Number(seq));
  expect(lost.every(({ why }) => why === "slow_reader")).toBe(true);
  expect(told.length + lost.reduce((sum, { lines }) => sum + lines, 0)).toBe(2001);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
});

test("the last lines that match are found, page by page, without one twice or none", async () => {
  const api = await startApi();
  const runs: string[] = [];
  for (let n = 0; n < 12; n++)
    runs.push(
      await enqueue(api, n % 3 === 0 ? "any/thing" : "nothing", n % 3 === 0 ? { input: n } : {}),
    );
  for (const [n, run] of runs.entries()) {
    await say(
      api.db,
      ...Array.from({ length: 7 }, (_, k) => ({
        ...{ run, seq: 100_000 + k, level: k % 2 === 0 ? "warn" : "info" },
        message: `run ${n} says ${k}`,
      })),
    );
  }
  const gather = async (query: string) => {
    const found: string[] = [];
    for (let cursor = ""; ;) {
      const { status, body } = await api.call(`/api/v1/logs?${query}${cursor}`);
      expect(status).toBe(200);
      found.unshift(...body.lines.map(({ message }: { message: string }) => message));
      if (body.nextCursor === null) return found;
      cursor = `&cursor=${body.nextCursor}`;
    }
  };
  const said = (ns: number[], ks: number[]) =>
    ns.flatMap((n) => ks.map((k) => `run ${n} says ${k}`));
  const all = said([...runs.keys()], [0, 1, 2, 3, 4, 5, 6]);
  expect(await gather("limit=1000")).toEqual(all);
  expect(await gather("limit=5")).toEqual(all);
  expect(await gather("limit=7")).toEqual(all);
  const some = said([0, 3, 6, 9], [0, 2, 4, 6]);
  expect(await gather("limit=3&q=job:any/*+level:warn,error")).toEqual(some);
  expect(await gather(`limit=2&q=${encodeURIComponent('"SAYS 3" -"run 1"')}`)).toEqual(
    said([0, 2, 3, 4, 5, 6, 7, 8, 9], [3]),
  );
  const { body } = await api.call("/api/v1/logs?limit=2");
  expect(body).toMatchObject({ complete: true, back: expect.any(String) });
  for (const before of ["", ".5"]) {
    const last = `ffffffff-ffff-ffff-ffff-ffffffffffff${before}`;
    const above = await api.call(`/api/v1/logs?limit=2&cursor=${last}`);
    expect(above.body.lines, "below the largest id there is").toEqual(body.lines);
  }
  for (const query of [
    "q=level:loud",
    "q=levle:warn",
    "q=level:<debug",
    "limit=0",
    "cursor=1",
    "level=warn",
  ]) {
    const answer = await api.call(`/api/v1/logs?${query}`);
    expect([answer.status, answer.body.code], query).toEqual([400, "invalid_request"]);
  }
});

test("a page and the stream behind it have every line", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  await say(api.db, { run, seq: 100_000 });
  const { body } = await api.call("/api/v1/logs");
  await say(api.db, { run, seq: 100_001 });
  const source = await openEvents(`${api.url}/api/v1/logs/stream?after=${body.position}`);
  await until("it is told", () => seqsOf(source).includes(100_001));
  expect(body.lines.map(({ seq }: { seq: number }) => seq)).toEqual([100_000]);
  expect(seqsOf(source)).toEqual([100_001]);
});

test("notes of lines are forgotten after ten minutes", async () => {
  const api = await startApi();
  const run = await enqueue(api, "nothing");
  await say(api.db, { run, seq: 100_000 });
  await api.db.query("update millrace.log_note set at = at - interval '601 seconds'");
  await say(api.db, { run, seq: 100_001 });
  const pruner = new LogNotePruner({ db: api.db, logger: createLogger("silent") });
  await pruner.start?.();
  try {
    await until("one is left", async () => {
      const { rows } = await api.db.query("select lasts[1]::int as last from millrace.log_note");
      return rows.length === 1 && rows[0].last === 100_001;
    });
  } finally {
    await pruner.stop();
  }
});
