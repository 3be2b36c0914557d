import { defineJob } from "@millrace/sdk";
import { Intake, JobRegistry, advanceOperation } from "millrace";
import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { addPerson, browserOf } from "../support/people.ts";
import { type Furnished, done, furnish } from "../support/furnished.ts";

test("who is confined makes keys that may do no more", async () => {
  const api = await startApi();
  const crm = await furnish(api, "crm");
  const json = { name: "bot", role: "operator" };
  const make = (more: object) =>
    api.call("/api/v1/keys", { json: { ...json, ...more }, key: crm.key });
  expect((await make({})).body).toMatchObject({ projects: ["crm"] });
  expect((await make({ projects: ["crm"] })).body).toMatchObject({ projects: ["crm"] });
  expect((await make({ projects: null })).body).toMatchObject({ status: 403, code: "forbidden" });
  const { body: both } = await api.call("/api/v1/keys", {
    json: { ...json, role: "admin", projects: ["crm", "default"] },
  });
  // Who may do more than they is not theirs to end.
  const { status } = await api.call(`/api/v1/keys/${both.id}`, { method: "DELETE", key: crm.key });
  expect(status).toBe(404);
  const rotated = await api.call(`/api/v1/keys/${both.id}/rotate`, { method: "POST" });
  expect(rotated.body).toMatchObject({ projects: ["crm", "default"] });
  expect((await api.call("/api/v1/keys/me", { key: crm.key })).body).toEqual({
    ...{ name: "key:crm admin", role: "admin", projects: ["crm"] },
  });
  // Of several it must be said where something new is to belong.
  const secret = { method: "PUT", json: { value: "a-secret-value", allJobs: true } };
  const nowhere = await api.call("/api/v1/secrets/NEW", { ...secret, key: both.key });
  expect(nowhere.body).toMatchObject({ code: "invalid_request", pointer: "/project" });
  const event = await api.call("/api/v1/events", { json: { name: "paid" }, key: both.key });
  expect(event.body).toMatchObject({ code: "invalid_request", pointer: "/project" });
});

test("a person is confined, and logs in so", async () => {
  const api = await startApi();
  await furnish(api, "crm");
  const email = "ana@example.com";
  await addPerson(api, email, "editor", ["crm"]);
  const ana = await browserOf(api, { email });
  expect((await ana("/api/v1/keys/me")).body).toMatchObject({ projects: ["crm"] });
  expect((await ana("/api/v1/jobs/crm%2Fpay")).status).toBe(200);
  expect((await ana("/api/v1/jobs/greet")).status).toBe(404);
  const change = (changes: object) =>
    api.call("/api/v1/people/ana@example.com", { method: "PATCH", json: changes });
  expect((await change({ role: "viewer" })).body).toMatchObject({
    ...{ role: "viewer", projects: ["crm"] },
  });
  expect((await change({ projects: ["none"] })).body).toMatchObject({ code: "project_not_found" });
  expect((await change({ projects: null })).body).toMatchObject({ role: "viewer", projects: null });
  expect((await change({ projects: ["crm"] })).body).toMatchObject({ projects: ["crm"] });
  expect((await change({})).status).toBe(400);
});

test("the name of a schedule that was removed is free in its project alone, for its ledger stays", async () => {
  const api = await startApi();
  const shop = await furnish(api, "shop");
  const crm = await furnish(api, "crm");
  await api.db.query(
    "insert into millrace.occurrence (schedule, nominal, at, outcome, run_id) values ($1, now(), now(), 'fired', $2)",
    [shop.ids.schedule, shop.ids.run],
  );
  const path = `/api/v1/schedules/${encodeURIComponent(shop.ids.schedule)}`;
  await done(api.call(path, { method: "DELETE" }));
  const make = ({ name, key }: Furnished) => {
    const json = { name: shop.ids.schedule, job: `${name}/pay`, cron: "0 3 * * *" };
    return api.call("/api/v1/schedules", { json, key });
  };
  expect((await make(crm)).body).toMatchObject({ status: 409, code: "name_taken" });
  expect((await make(shop)).status).toBe(201);
});

test("code is registered in one project, and refused what belongs to another", async () => {
  const api = await startApi();
  await furnish(api, "crm");
  const registered = (name: string, project: string, queue = "default") =>
    new JobRegistry([defineJob({ name, queue, run: () => null })]).register(api.db, { project });
  await expect(registered("crm/pay", "default")).rejects.toMatchObject({
    code: "name_taken",
    message: expect.stringContaining("job crm/pay to crm"),
  });
  await expect(registered("new", "default", "crm/queue")).rejects.toMatchObject({
    message: expect.stringContaining("queue crm/queue to crm"),
  });
  await expect(registered("new", "none")).rejects.toMatchObject({ code: "project_not_found" });
  expect((await api.call("/api/v1/jobs/new")).status).toBe(404);
  await registered("new", "crm");
  expect((await api.call("/api/v1/jobs/new")).body).toMatchObject({ project: "crm" });
});

test("of two that register one new name at the same time, one is refused", async () => {
  const api = await startApi();
  for (const name of ["one", "other"]) await done(api.call("/api/v1/projects", { json: { name } }));
  const job = defineJob({ name: "raced", run: () => null });
  const all = await Promise.allSettled(
    ["one", "other"].map((project) => new JobRegistry([job]).register(api.db, { project })),
  );
  expect(all.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});

test("what is moved to a project goes with all that is made for it, or stays", async () => {
  const api = await startApi();
  const crm = await furnish(api, "crm");
  const { body: made } = await api.call("/api/v1/projects", { json: { name: "sales" } });
  expect(made).toMatchObject({ name: "sales", jobs: 0, queues: 0, secrets: 0, webhooks: 0 });
  const move = (json: object) => api.call("/api/v1/projects/sales/move", { json });
  const torn = await move({ jobs: ["crm/pay"] });
  expect(torn.body).toMatchObject({ status: 400, code: "invalid_request" });
  expect(torn.body.detail).toContain("endpoint crm-hook needs secret CRM_TOKEN");
  expect(torn.body.detail).toContain("job crm/pay needs queue crm/queue");
  const all = { jobs: ["crm/pay"], queues: ["crm/queue"], secrets: ["CRM_TOKEN"] };
  expect((await move({ ...all, jobs: ["crm/pay", "none"] })).body).toMatchObject({
    ...{ code: "unknown_job", pointer: "/jobs" },
  });
  expect((await move({ queues: ["default"] })).body).toMatchObject({ code: "queue_not_found" });
  expect((await api.call("/api/v1/jobs/crm%2Fpay")).body.project).toBe("crm");

  expect((await move(all)).body).toMatchObject({ jobs: 1, queues: 1, secrets: 1, webhooks: 1 });
  const gone = await api.call(`/api/v1/runs/${crm.ids.run}`, { key: crm.key });
  expect(gone.status).toBe(404);
  const { key } = await done(
    api.call("/api/v1/keys", { json: { name: "x", role: "viewer", projects: ["sales"] } }),
  );
  for (const path of [`runs/${crm.ids.run}`, "schedules/crm%2Fnightly", "jobs/crm%2Fpay"]) {
    expect((await api.call(`/api/v1/${path}`, { key })).status, path).toBe(200);
  }
});

test("what goes on while it is moved is its new project's: dead letters are left alone, and a backfill is theirs", async () => {
  const api = await startApi();
  const crm = await furnish(api, "crm");
  await done(api.call("/api/v1/projects", { json: { name: "sales" } }));
  const job = "crm/pay";
  await seedDeadLetters(api.db, 3, { job, queue: "crm/queue", message: "broke later" });
  await seedDeadLetters(api.db, 2, { job: "crm/plain", queue: "default", message: "broke later" });
  const filter = { text: "broke later" };
  const operate = (kind: string, key = crm.key) =>
    done(api.call("/api/v1/operations", { json: { kind, filter }, key }));
  const begun = [await operate("rerun"), await operate("dismiss")];
  const from = new Date(Date.now() - 3 * 86_400_000).toISOString();
  const json = { from, until: new Date().toISOString() };
  const backfill = await done(
    api.call("/api/v1/schedules/crm%2Fnightly/backfill", { json, key: crm.key }),
  );
  const all = { jobs: [job], queues: ["crm/queue"], secrets: ["CRM_TOKEN"] };
  await done(api.call("/api/v1/projects/sales/move", { json: all }));

  const intake = new Intake(api.db, new JobRegistry([]), () => {});
  for (let worked = true; worked;) {
    // As when the reruns have ended: the operation waits for them.
    await api.db.query("update millrace.operation set next_at = now() where state = 'running'");
    ({ worked } = await advanceOperation(api.db, intake));
    const { rows } = await api.db.query(
      "select from millrace.operation_member where outcome is null",
    );
    if (rows.length === 0) break;
  }
  const became = async ({ id }: { id: number }) =>
    (await done(api.call(`/api/v1/operations/${id}`, { key: crm.key }))) as object;
  expect(await became(begun[0])).toMatchObject({ handled: 5, done: 2, skipped: 3 });
  expect(await became(begun[1])).toMatchObject({ handled: 5, done: 0, skipped: 5 });

  const sales = await done(
    api.call("/api/v1/keys", { json: { name: "x", role: "operator", projects: ["sales"] } }),
  );
  const cancel = `/api/v1/operations/${backfill.id}/cancel`;
  expect((await api.call(cancel, { method: "POST", key: crm.key })).status).toBe(404);
  expect((await api.call(cancel, { method: "POST", key: sales.key })).status).toBe(200);
});

test("a schedule is not given back a job that came to another project", async () => {
  const api = await startApi();
  const crm = await furnish(api, "crm");
  await done(api.call("/api/v1/projects", { json: { name: "sales" } }));
  const schedule = "/api/v1/schedules/crm%2Fnightly";
  await api.db.query(
    `update millrace.schedule set defined = jsonb_build_object('job', job, 'rule', rule, 'policy', policy, 'input', input)
     where name = 'crm/nightly'`,
  );
  const change = { method: "PATCH", json: { job: "crm/plain" }, key: crm.key };
  await done(api.call(schedule, change));
  const all = { jobs: ["crm/pay"], queues: ["crm/queue"], secrets: ["CRM_TOKEN"] };
  await done(api.call("/api/v1/projects/sales/move", { json: all }));
  const reset = (key?: string) =>
    api.call(`${schedule}/reset`, { method: "POST", ...(key && { key }) });
  expect((await reset(crm.key)).body).toMatchObject({ code: "unknown_job" });
  expect((await reset()).body).toMatchObject({ code: "invalid_request" });
  expect((await api.call(schedule, { key: crm.key })).body).toMatchObject({ job: "crm/plain" });
  await done(api.call("/api/v1/projects/crm/move", { json: all }));
  expect((await reset(crm.key)).body).toMatchObject({ job: "crm/pay" });
});

test("a project is removed when nothing belongs to it, and the first one never", async () => {
  const api = await startApi();
  const crm = await furnish(api, "crm");
  const remove = (name: string) => api.call(`/api/v1/projects/${name}`, { method: "DELETE" });
  expect((await remove("crm")).body).toMatchObject({ status: 409, code: "project_in_use" });
  expect((await remove("default")).body).toMatchObject({ status: 400, code: "invalid_request" });
  expect((await remove("none")).body).toMatchObject({ status: 404, code: "project_not_found" });
  await done(api.call("/api/v1/projects", { json: { name: "empty" } }));
  const again = await api.call("/api/v1/projects", { json: { name: "empty" } });
  expect(again.body).toMatchObject({ status: 409, code: "project_exists" });
  expect((await remove("empty")).status).toBe(200);
  expect((await api.call("/api/v1/projects", { key: crm.key })).body.projects).toMatchObject([
    { name: "crm" },
  ]);
});
