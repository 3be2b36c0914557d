import { expect, test } from "vitest";
import { type ApiUnderTest, type Call, startApi } from "../support/api.ts";
import { addPerson, browserOf } from "../support/people.ts";

const VIEW = { title: "Failed today", query: "status:failed age:<1d", columns: ["job", "why"] };

async function keyFor(api: ApiUnderTest, name: string, role: string, projects?: string[]) {
  return (await api.call("/api/v1/keys", { json: { name, role, ...(projects && { projects }) } }))
    .body.key as string;
}

const put = (api: ApiUnderTest, slug: string, json: object, call: Call = {}) =>
  api.call(`/api/v1/views/${slug}`, { method: "PUT", json, ...call });

test("a view is kept for its owner, shared by who may operate, and removed on record", async () => {
  const api = await startApi();
  const viewer = await keyFor(api, "ana", "viewer");
  const operator = await keyFor(api, "bo", "operator");
  const made = await put(api, "failed", VIEW, { key: viewer });
  expect(made.body).toMatchObject({
    ...VIEW,
    slug: "failed",
    shared: false,
    mine: true,
    owner: "key:ana",
  });
  expect((await put(api, "failed", { ...VIEW, shared: true }, { key: viewer })).status).toBe(403);
  expect((await put(api, "failed", VIEW, { key: operator })).body.code).toBe("view_exists");
  for (const path of ["views/failed", "views/none"]) {
    expect((await api.call(`/api/v1/${path}`, { key: operator })).body.code).toBe("view_not_found");
  }
  await put(api, "shared", { ...VIEW, title: "Ours", shared: true }, { key: operator });
  const { body } = await api.call("/api/v1/views", { key: viewer });
  expect(body.views.map((view: { slug: string; mine: boolean }) => [view.slug, view.mine])).toEqual(
    [
      ["failed", true],
      ["shared", false],
    ],
  );
  const remove = (slug: string, key?: string) =>
    api.call(`/api/v1/views/${slug}`, { method: "DELETE", ...(key && { key }) });
  expect((await remove("shared", viewer)).status).toBe(404);
  expect((await remove("failed")).status).toBe(404);
  expect((await remove("shared")).status).toBe(204);
  expect((await remove("failed", viewer)).status).toBe(204);
  const { body: audit } = await api.call("/api/v1/audit?object=view:shared");
  expect(audit.entries.map(({ action }: { action: string }) => action).sort()).toEqual([
    "view.removed",
    "view.saved",
  ]);
});

test("what is no view is refused, and so are too many", async () => {
  const api = await startApi();
  expect((await put(api, "x", { ...VIEW, query: "stauts:failed" })).body.detail).toContain(
    "did you mean status?",
  );
  for (const [slug, json] of [
    ["X", VIEW],
    ["x", { ...VIEW, title: " " }],
    ["x", { ...VIEW, columns: Array.from({ length: 21 }, () => "a") }],
  ] as const) {
    expect((await put(api, slug, json)).status).toBe(400);
  }
  await api.db.query(
    "insert into millrace.saved_view (slug, title, query, owner) select 'v' || n, 'x', '', 'api' from generate_series(1, 100) n",
  );
  expect((await put(api, "more", VIEW)).body.code).toBe("too_many_views");
  expect((await put(api, "v1", VIEW)).status).toBe(200);
});

test("who is confined to a project sees shared views of those alone who see no more", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const one = await keyFor(api, "one", "operator", ["crm"]);
  const two = await keyFor(api, "two", "viewer", ["crm"]);
  await put(api, "of-all", { ...VIEW, query: "job:secret-name", shared: true });
  await put(api, "of-crm", { ...VIEW, shared: true }, { key: one });
  const { body, text } = await api.call("/api/v1/views", { key: two });
  expect(body.views.map(({ slug }: { slug: string }) => slug)).toEqual(["of-crm"]);
  expect(text).not.toContain("secret-name");
  expect((await api.call("/api/v1/views")).body.views).toHaveLength(2);
});

test("who saves many at once keeps no more than one may, and each name is one person's", async () => {
  const api = await startApi();
  await api.db.query(
    "insert into millrace.saved_view (slug, title, query, owner) select 'v' || n, 'x', '', 'api' from generate_series(1, 95) n",
  );
  const saved = await Promise.all(
    Array.from({ length: 20 }, (_, n) => put(api, `more-${n}`, VIEW).then(({ status }) => status)),
  );
  expect(saved.filter((status) => status === 200)).toHaveLength(5);
  expect((await api.call("/api/v1/views")).body.views).toHaveLength(100);
  const keys = await Promise.all(["ana", "bo", "cy"].map((name) => keyFor(api, name, "operator")));
  const one = await Promise.all(
    keys.map((key) => put(api, "ours", { ...VIEW, shared: true }, { key })),
  );
  expect(one.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
});

test("views that others share push none of one's own out of the list", async () => {
  const api = await startApi();
  await api.db.query(
    "insert into millrace.saved_view (slug, title, query, owner, shared) select 'v' || n, 'a', '', 'key:' || n, true from generate_series(1, 1000) n",
  );
  await put(api, "mine", { ...VIEW, title: "zzz" });
  const { views } = (await api.call("/api/v1/views")).body;
  expect(views).toHaveLength(1000);
  expect(views[0]).toMatchObject({ slug: "mine", mine: true });
});

test("a person who is confined to other projects keeps their views, and sees of others what they now may", async () => {
  const api = await startApi();
  for (const name of ["crm", "shop"]) await api.call("/api/v1/projects", { json: { name } });
  await addPerson(api, "ana@example.com", "operator", ["crm"]);
  const ana = await browserOf(api);
  await ana("/api/v1/views/mine", { method: "PUT", json: VIEW });
  const of = await keyFor(api, "of crm", "operator", ["crm"]);
  await put(api, "of-crm", { ...VIEW, shared: true }, { key: of });
  const json = { projects: ["shop"] };
  const moved = await api.call("/api/v1/people/ana@example.com", { method: "PATCH", json });
  expect(moved.status).toBe(200);
  // What they were is believed for some seconds; whoever comes in anew is who they are now.
  const again = await browserOf(api);
  const { views } = (await again("/api/v1/views")).body;
  expect(views).toMatchObject([{ slug: "mine", mine: true }]);
  expect((await again("/api/v1/views/mine", { method: "PUT", json: VIEW })).status).toBe(200);
  expect((await again("/api/v1/views/of-crm")).status).toBe(404);
});
