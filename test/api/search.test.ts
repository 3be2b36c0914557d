import { defineJob, defineQueue } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";

async function find(api: ApiUnderTest, q: string, more = "", key?: string) {
  const query = `q=${encodeURIComponent(q)}${more}`;
  const { body, status } = await api.call(`/api/v1/runs?${query}`, key ? { key } : {});
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

async function idsOf(api: ApiUnderTest, q: string, more = "", key?: string): Promise<string[]> {
  return (await find(api, q, more, key)).runs.map((run: { id: string }) => run.id);
}

async function enqueue(api: ApiUnderTest, json: object): Promise<string> {
  const { body, status } = await api.call("/api/v1/runs", { json });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
}

/** Some runs of each kind, by what stands out in them. */
async function furnished() {
  const api = await startApi({ queues: ["naps", "tries"].map((name) => defineQueue({ name })) });
  const input = (tenant: string, n: number) => ({
    tenant,
    n,
    deep: { list: ["a", n] },
    note: "100%_\\",
  });
  const acme = await enqueue(api, {
    ...{ job: "any/thing", input: input("acme", 1), idempotencyKey: "sync:c-zz1" },
    correlationId: "order-1",
  });
  const beta = await enqueue(api, { job: "any/thing", input: input("beta", 2) });
  const later = await enqueue(api, { job: "nothing", delay: "1h" });
  const done = await enqueue(api, { job: "greet", input: { name: "Ada" }, queue: "naps" });
  const claimed = await api.claim(["naps"]);
  await claimed.settle({ verdict: "complete", output: '{"total":7}' });
  const gone = await enqueue(api, { job: "nothing", queue: "naps" });
  await api.call(`/api/v1/runs/${gone}/cancel`, { method: "POST" });
  const [failed] = await seedDeadLetters(api.db, 1, {
    ...{ job: "nothing", queue: "mail", fingerprint: "5be1000000000001", input: "{}" },
  });
  const again = await enqueue(api, { job: "nothing", queue: "tries" });
  const tried = await api.claim(["tries"]);
  await tried.settle({
    ...{ verdict: "retry", delayMs: 3_600_000 },
    failure: { class: "TypeError", message: "no 'total'", stack: null },
  });
  return { api, acme, beta, later, done, gone, failed: failed!, again };
}

test("every field finds what it says, and its negation the rest", async () => {
  const { api, ...ids } = await furnished();
  const names = Object.keys(ids) as (keyof typeof ids)[];
  const all = names.map((name) => ids[name]);
  const expected: Record<string, (keyof typeof ids)[]> = {
    "": names,
    "status:queued": ["acme", "beta"],
    "status:scheduled": ["later", "again"],
    "status:retrying": ["again"],
    "status:failed": ["failed"],
    "status:dead": ["failed"],
    "status:completed,cancelled": ["done", "gone"],
    "status:queued,failed": ["acme", "beta", "failed"],
    "job:any/*": ["acme", "beta"],
    "job:greet job:any/thing": ["acme", "beta", "done"],
    "queue:na*": ["done", "gone"],
    "key:sync:c-zz1": ["acme"],
    "correlation:order-*": ["acme"],
    "input.tenant:acme": ["acme"],
    "input.tenant:acme,beta": ["acme", "beta"],
    "input.tenant:acme input.n:2": [],
    "input.n:2 input.tenant:beta": ["beta"],
    "input.deep.list.1:1": ["acme"],
    "output.total:7": ["done"],
    "error:5be1": ["failed"],
    "error:HttpError": ["failed"],
    "error:5be1000000000001 job:nothing": ["failed"],
    "attempts:>0": ["done", "failed", "again"],
    "took:<1h": ["done", "failed"],
    "took:>1h": [],
    "age:<1h": names,
    "age:>1h": [],
    "trigger:api": names,
    "trigger:schedule": [],
    // No digits alone: ids of chance have those.
    '"503 for"': ["failed"],
    TOTAL: ["again"],
    "c-zz1": ["acme"],
    '"100%_\\\\\\\\"': ["acme", "beta"],
    "acme c-zz1": ["acme"],
    [`id:${ids.beta}`]: ["beta"],
  };
  for (const [q, hits] of Object.entries(expected)) {
    expect(await idsOf(api, q), q).toEqual(
      hits
        .map((name) => ids[name])
        .toSorted()
        .toReversed(),
    );
    const { body } = await api.call(`/api/v1/runs/count?q=${encodeURIComponent(q)}`);
    expect(body, q).toEqual({ count: hits.length, more: false, complete: true, back: null });
    // One term has the one opposite; the others are of several, or are bounds.
    if (q === "" || /[ ,<>]/.test(q)) continue;
    const rest = all.filter((id) => !hits.some((name) => ids[name] === id));
    expect(await idsOf(api, `-${q}`), `-${q}`).toEqual(rest.toSorted().toReversed());
  }
});

test("pages of a search lose nothing and show nothing twice", async () => {
  const api = await startApi();
  const seeded = await seedDeadLetters(api.db, 25, { fingerprint: "00000000000000ff" });
  await enqueue(api, { job: "nothing" });
  for (const q of ["status:failed", "-job:nothing", "error:00000000000000ff HttpError"]) {
    const seen: string[] = [];
    for (let cursor = ""; ;) {
      const page = await find(api, q, `&limit=10${cursor}`);
      seen.push(...page.runs.map((run: { id: string }) => run.id));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(seeded.toReversed());
  }
});

test("a search tells how far it has come", async () => {
  const api = await startApi();
  await seedDeadLetters(api.db, 12);
  await api.db.query("analyze millrace.run");
  const page = await find(api, "job:any/* -status:cancelled", "&limit=5");
  expect(page.searched).toEqual({
    ...{ complete: true, back: page.runs.at(-1).createdAt, looked: 12 },
    ...{ total: expect.any(Number), index: null },
  });
  const whole = await find(api, "-job:greet");
  expect(whole.searched).toMatchObject({ complete: true, back: null, looked: 12 });
});

test("a bound of time holds beside the query", async () => {
  const api = await startApi();
  const id = await enqueue(api, { job: "nothing" });
  expect(await idsOf(api, "", "&since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00Z")).toEqual([
    id,
  ]);
  expect(await idsOf(api, "", "&until=2020-01-01T00:00:00Z")).toEqual([]);
  expect(await idsOf(api, "", "&since=2999-01-01T00:00:00Z")).toEqual([]);
  expect((await api.call("/api/v1/runs?until=2020-01-01T00:00:00Z")).body.code).toBe(
    "invalid_request",
  );
});

test("a query that cannot be read is told of with its place and the nearest word", async () => {
  const api = await startApi();
  for (const path of ["runs", "runs/count"]) {
    const { status, body } = await api.call(`/api/v1/${path}?q=job:a%20stauts:failed`);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { code: "invalid_request", pointer: "/q" },
    });
    expect(body.detail).toContain('at character 7 of the query: there is no field "stauts"');
    expect(body.detail).toContain("did you mean status?");
  }
  const both = await api.call("/api/v1/runs?q=job:a&state=failed");
  expect(both.body).toMatchObject({ code: "invalid_request", pointer: "/state" });
  const many = "a b c d"
    .split(" ")
    .map((name) => `input.${name}:1`)
    .join(" ");
  expect((await api.call(`/api/v1/runs?q=${many}`)).body.detail).toContain("more than 3 paths");
});

test("who is confined to a project finds its runs alone, and is told no number of others", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", input: z.looseObject({}), run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const { key } = made.body;
  const own = await enqueue(api, { job: "crm/sync", input: { tenant: "acme" } });
  const other = await enqueue(api, { job: "any/thing", input: { tenant: "acme" } });
  await seedDeadLetters(api.db, 3, { message: "acme broke" });
  for (const q of ["", "input.tenant:acme", "acme", "-job:greet", "status:queued"]) {
    expect(await idsOf(api, q, "", key), q).toEqual([own]);
    const { body } = await api.call(`/api/v1/runs/count?q=${encodeURIComponent(q)}`, { key });
    expect(body, q).toMatchObject({ count: 1 });
  }
  for (const q of ["status:failed", "error:HttpError", "broke", `id:${other}`, "job:any/thing"]) {
    const page = await find(api, q, "", key);
    expect(page, q).toMatchObject({ runs: [], searched: { looked: null, total: null } });
  }
});

test("a field that is declared as searchable is looked up, shown of each run, and told of to whom it is about", async () => {
  const searching = (name: string) =>
    defineJob({
      name,
      input: z.object({ tenant: z.string(), note: z.string().optional() }),
      searchable: ["tenant"],
      run: () => null,
    });
  const api = await startApi({ jobs: [searching("ship")] });
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  await new JobRegistry([searching("crm/sync")]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  const shipped = await enqueue(api, { job: "ship", input: { tenant: "acme", note: "n" } });
  const synced = await enqueue(api, { job: "crm/sync", input: { tenant: "x".repeat(300) } });

  const page = await find(api, "job:ship input.tenant:acme");
  expect(page.runs).toMatchObject([{ id: shipped, fields: { tenant: "acme" } }]);
  expect(page.searched).toEqual({
    ...{ complete: true, back: null, looked: 1, total: null },
    ...page.searched,
    index: { path: "tenant", used: true, from: expect.any(String), jobs: ["ship"] },
  });
  expect((await api.call("/api/v1/jobs/ship")).body.searchable).toEqual(["tenant"]);

  // Of all jobs one does not declare it; of those of the project each does.
  const all = await find(api, "input.tenant:acme");
  expect(all.runs).toMatchObject([{ id: shipped }]);
  expect(all.searched.index).toEqual({
    ...{ path: "tenant", used: false, from: null, jobs: ["crm/sync", "ship"] },
  });
  const own = await find(api, "input.tenant:x*", "", made.body.key);
  expect(own.searched.index).toBe(null);
  const long = `input.tenant:${"x".repeat(300)}`;
  const exact = await find(api, long, "", made.body.key);
  expect(exact.runs).toMatchObject([{ id: synced, fields: { tenant: "x".repeat(200) } }]);
  expect(exact.searched.index).toMatchObject({ used: true, jobs: ["crm/sync"] });
});

test("what is encrypted for a subject is never found by its content, nor by its opposite", async () => {
  const mail = defineJob({
    ...{ name: "mail", input: z.object({ to: z.string(), text: z.string() }), subject: "to" },
    run: () => null,
  });
  const api = await startApi({ jobs: [mail] });
  const id = await enqueue(api, { job: "mail", input: { to: "ada", text: "canary" } });
  for (const q of [
    "input.text:canary",
    "-input.text:other",
    "canary",
    "input.$subject:*",
    "sealed",
  ]) {
    expect(await idsOf(api, q), q).toEqual([]);
  }
  expect(await idsOf(api, "job:mail")).toEqual([id]);
});

test("however many search at once, runs are asked for meanwhile, and who had no time is told so", async () => {
  const api = await startApi();
  await seedDeadLetters(api.db, 3);
  const locking = await api.db.connect();
  await locking.query("begin; lock table millrace.dead_letter in access exclusive mode");
  try {
    const searches = Array.from({ length: 12 }, (_, n) =>
      api.call(`/api/v1/runs${n % 2 === 0 ? "/count" : ""}?q=status:dead`),
    );
    const searching = async () => {
      const { rows } = await api.db.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like '%jsonb_to_record%' and pid <> pg_backend_pid()`,
      );
      return rows[0]!.n;
    };
    await until("one of them is under way", async () => (await searching()) > 0);
    await enqueue(api, { job: "nothing" });
    expect(await searching()).toBeLessThanOrEqual(2);
    for (const { status, body } of await Promise.all(searches)) {
      expect({ status, code: body.code }).toEqual({ status: 503, code: "took_too_long" });
    }
  } finally {
    await locking.query("rollback");
    locking.release();
  }
  expect(await idsOf(api, "status:dead")).toHaveLength(3);
});
