import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { type ApiUnderTest, type Call, startApi } from "../support/api.ts";

const FAILURE = {
  ...{ class: "HttpError", message: "503 for order 17\nand more", stack: "at secret-stack" },
  fingerprint: "00000000000000aa",
};

async function keyFor(api: ApiUnderTest, name: string, role: string, projects?: string[]) {
  return (await api.call("/api/v1/keys", { json: { name, role, ...(projects && { projects }) } }))
    .body.key as string;
}

async function failOne(api: ApiUnderTest, json: object = { job: "nothing" }): Promise<string> {
  const { body } = await api.call("/api/v1/runs", { json });
  const { job } = json as { job: string };
  await (
    await api.claimAs(["default", "slow"], [job])
  ).settle({ verdict: "fail", failure: FAILURE });
  await countEnds(api.db, 100);
  return body.id;
}

const make = (api: ApiUnderTest, json: object, call: Call = {}) =>
  api.call("/api/v1/incidents", { json, ...call });

test("an incident keeps what was seen, and shows the same when all has become otherwise", async () => {
  const api = await startApi();
  const run = await failOne(api, { job: "any/thing", input: { card: "4111-secret-input" } });
  const made = await make(api, {
    ...{ title: "Orders fail", note: "Since the deploy", query: "status:failed", runs: [run] },
    at: new Date().toISOString(),
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { slug, snapshot } = made.body;
  expect(made.headers.get("location")).toBe(`/api/v1/incidents/${slug}`);
  expect(slug).toMatch(/^[a-z2-9]{8}$/);
  expect(made.body).toMatchObject({ title: "Orders fail", by: "api", mine: true });
  expect(made.body.notes).toEqual([
    { at: expect.any(String), by: "api", text: "Since the deploy" },
  ]);
  expect(snapshot).toMatchObject({
    errors: [
      {
        ...{ fingerprint: "00000000000000aa", errorClass: "HttpError", jobs: ["any/thing"] },
        ...{ message: "503 for order 17", count: 1 },
      },
    ],
    ...{ errorGroup: null, found: { count: 1, more: false, complete: true }, ticked: true },
    minute: { ends: { seconds: 60 } },
    runs: [
      {
        ...{ id: run, job: "any/thing", state: "failed", attempt: 1 },
        ...{ errorClass: "HttpError", message: "503 for order 17" },
      },
    ],
  });
  const failed = snapshot.bars.failed.reduce((sum: number, each: number) => sum + each, 0);
  expect(failed).toBe(1);
  expect(made.text).not.toMatch(/secret-input|secret-stack/);

  await failOne(api);
  await api.db.query("delete from millrace.run where id = $1", [run]);
  const read = await api.call(`/api/v1/incidents/${slug}`);
  expect(read.body).toEqual(made.body);
  const text = (await api.call(`/api/v1/incidents/${slug}/markdown`)).text;
  expect(text).toContain("# Orders fail\n");
  expect(text).toContain("| HttpError: 503 for order 17 | 1 | any/thing |");
  expect(text).toContain("api: Since the deploy");
});

test("without runs it shows the newest that the query finds, and of a group of errors its own", async () => {
  const api = await startApi();
  const runs = [await failOne(api), await failOne(api)];
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const about = await make(api, { title: "The group", errorGroup: "00000000000000aa" });
  expect(about.body).toMatchObject({
    query: "error:00000000000000aa",
    snapshot: { errorGroup: { count: 2 }, ticked: false, minute: null, found: { count: 2 } },
  });
  const shown = about.body.snapshot.runs.map(({ id }: { id: string }) => id);
  expect(shown).toEqual(runs.toReversed());
  const overall = await make(api, { title: "Home" });
  expect(overall.body.snapshot).toMatchObject({ found: null, runs: [], errors: [{ count: 2 }] });
});

test("who may operate makes incidents and writes to them, who reads sees them, and the author or an admin removes them", async () => {
  const api = await startApi();
  const viewer = await keyFor(api, "ana", "viewer");
  const [bo, cy] = [await keyFor(api, "bo", "operator"), await keyFor(api, "cy", "operator")];
  expect((await make(api, { title: "x" }, { key: viewer })).status).toBe(403);
  const { slug } = (await make(api, { title: "Ours" }, { key: bo })).body;
  const at = `/api/v1/incidents/${slug}`;
  const note = (json: object, key: string) => api.call(`${at}/notes`, { json, key });
  expect((await note({ text: "no" }, viewer)).status).toBe(403);
  expect((await note({ text: "It was the cache" }, cy)).body).toMatchObject({ by: "key:cy" });
  const seen = await api.call(at, { key: viewer });
  expect(seen.body).toMatchObject({ by: "key:bo", mine: false, notes: [{ by: "key:cy" }] });
  const { body } = await api.call("/api/v1/incidents", { key: viewer });
  expect(body).toMatchObject({ incidents: [{ slug, notes: 1 }], nextCursor: null });
  const remove = (key?: string) => api.call(at, { method: "DELETE", ...(key && { key }) });
  expect((await remove(viewer)).status).toBe(403);
  expect((await remove(cy)).body.code).toBe("incident_not_found");
  expect((await remove(bo)).status).toBe(204);
  expect((await api.call(at)).body.code).toBe("incident_not_found");
  const other = (await make(api, { title: "Theirs" }, { key: bo })).body.slug;
  expect((await api.call(`/api/v1/incidents/${other}`, { method: "DELETE" })).status).toBe(204);
  const audit = await api.call(`/api/v1/audit?object=incident:${slug}`);
  expect(audit.body.entries.map(({ action }: { action: string }) => action)).toEqual([
    ...["incident.removed", "incident.noted", "incident.made"],
  ]);
  expect(audit.text).not.toContain("cache");
});

test("of runs that are about somebody an incident keeps no message, so that nothing is left when they are erased", async () => {
  const input = z.object({ who: z.string() });
  const about = defineJob({ name: "about", subject: "who", input, run: () => null });
  const api = await startApi({ jobs: [about] });
  const run = await failOne(api, { job: "about", input: { who: "ada@example.com" } });
  const made = await make(api, {
    ...{ title: "Private", runs: [run], at: new Date().toISOString() },
    errorGroup: "00000000000000aa",
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect(made.body.snapshot).toMatchObject({
    runs: [{ errorClass: "HttpError", message: null }],
    errors: [{ message: null }],
    errorGroup: { message: null },
    minute: { errors: { groups: [{ message: "" }] } },
  });
  const kept = await api.db.query<{ text: string }>(
    "select snapshot::text as text from millrace.incident",
  );
  expect(kept.rows[0]!.text).not.toMatch(/503|ada@|sealed/);
});

test("who is confined to a project sees the incidents of it alone, and keeps nothing of others", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const [one, two] = [
    await keyFor(api, "one", "operator", ["crm"]),
    await keyFor(api, "two", "viewer", ["crm"]),
  ];
  const foreign = await failOne(api);
  const whole = (await make(api, { title: "Of all", query: "job:nothing" })).body.slug;
  const own = (await make(api, { title: "Of crm", query: "status:failed" }, { key: one })).body;
  expect(own.snapshot).toMatchObject({ errors: [], found: { count: 0 }, runs: [] });
  expect(JSON.stringify(own)).not.toContain("nothing");
  for (const id of [foreign, "01a20bd0-d33b-7000-8863-db5c7770329e"]) {
    const refused = await make(api, { title: "x", runs: [id] }, { key: one });
    expect([refused.status, refused.body.code]).toEqual([404, "run_not_found"]);
  }
  const group = { title: "x", errorGroup: "00000000000000aa" };
  expect((await make(api, group, { key: one })).body.code).toBe("error_group_not_found");
  const { body } = await api.call("/api/v1/incidents", { key: two });
  expect(body.incidents.map(({ title }: { title: string }) => title)).toEqual(["Of crm"]);
  for (const path of ["", "/markdown"]) {
    const asked = await api.call(`/api/v1/incidents/${whole}${path}`, { key: two });
    expect(asked.status).toBe(404);
  }
  const json = { text: "x" };
  const noted = await api.call(`/api/v1/incidents/${whole}/notes`, { json, key: one });
  expect(noted.body.code).toBe("incident_not_found");
  expect((await api.call("/api/v1/incidents")).body.incidents).toHaveLength(2);
  const { rows } = await api.db.query(
    "select entry::jsonb ->> 'project' as project from millrace.audit where object = $1",
    [`incident:${own.slug}`],
  );
  expect(rows).toEqual([{ project: "crm" }]);
});

test("incidents are listed page by page, are made once, and are refused when there are too many or too much", async () => {
  const api = await startApi();
  const twice = { "idempotency-key": "k1" };
  const [first, again] = [
    await make(api, { title: "Once" }, { headers: twice }),
    await make(api, { title: "Once" }, { headers: twice }),
  ];
  expect(again.body).toEqual(first.body);
  await make(api, { title: "Two" });
  await make(api, { title: "Three" });
  const page = (await api.call("/api/v1/incidents?limit=2")).body;
  expect(page.incidents.map(({ title }: { title: string }) => title)).toEqual(["Three", "Two"]);
  const rest = (await api.call(`/api/v1/incidents?limit=2&cursor=${page.nextCursor}`)).body;
  expect(rest).toMatchObject({ incidents: [{ title: "Once" }], nextCursor: null });
  for (const json of [
    { title: " " },
    { title: "x", query: "stauts:failed" },
    { title: "x", from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" },
    { title: "x", runs: Array.from({ length: 101 }, () => crypto.randomUUID()) },
    { title: "x", at: new Date(Date.now() + 3_600_000).toISOString() },
  ]) {
    expect((await make(api, json)).status, JSON.stringify(json)).toBe(400);
  }
  await api.db.query(
    `insert into millrace.incident_note (incident, author, text)
     select id, 'x', 'y' from millrace.incident, generate_series(1, 200) where slug = $1`,
    [first.body.slug],
  );
  const noted = await api.call(`/api/v1/incidents/${first.body.slug}/notes`, {
    json: { text: "z" },
  });
  expect(noted.body.code).toBe("too_many_notes");
  await api.db.query(
    `insert into millrace.incident (slug, title, from_at, to_at, snapshot, owner)
     select 'full' || n, 'x', now(), now(), '{}', 'api' from generate_series(1, 1000) n`,
  );
  expect((await make(api, { title: "One more" })).body.code).toBe("too_many_incidents");
});

test("what runs and people said is text in the Markdown, and no markup", async () => {
  const api = await startApi();
  const title = "# <img src=x> | [link](http://evil.example)";
  const { slug } = (await make(api, { title, note: "# heading\n- | cell |\n`code`" })).body;
  const { text, headers } = await api.call(`/api/v1/incidents/${slug}/markdown`);
  expect(headers.get("content-type")).toBe("text/markdown; charset=utf-8");
  expect(text.split("\n")[0]).toBe("# \\# \\<img src=x\\> \\| \\[link\\](http://evil.example)");
  expect(text).toContain("api: \\# heading\n  \\- \\| cell \\|\n  \\`code\\`");
  expect(text.split("\n").filter((line) => line.startsWith("# "))).toHaveLength(1);
});
