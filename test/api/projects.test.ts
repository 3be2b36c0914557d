import { beforeEach, describe, expect, test } from "vitest";
import { type Answer, type ApiUnderTest, type Call, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { type Furnished, type Ids, type Kind, done, furnish } from "../support/furnished.ts";

/** Where there is nothing. */
const NO_ID = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";

interface Operation {
  operation: string;
  method: string;
  /** With `{parameters}`. */
  path: string;
  scope: "installation" | "own" | Partial<Record<Kind, string>> | undefined;
}

async function operationsOf(api: ApiUnderTest): Promise<Operation[]> {
  const { body } = await api.call("/openapi.json", { key: null });
  type Described = { operationId: string; "x-scope"?: Operation["scope"] };
  return Object.entries<Record<string, Described>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, "x-scope": scope }]) => ({
      ...{ operation: operationId, method: method.toUpperCase(), path, scope },
    })),
  );
}

function pathTo({ path, scope }: Operation, ids: Ids): string {
  let filled = path;
  for (const [kind, param] of Object.entries(scope as Record<Kind, string>)) {
    filled = filled.replace(`{${param}}`, encodeURIComponent(ids[kind as Kind]));
  }
  return filled;
}

/** What is answered, whatever it is that was asked for. */
function plain({ status, text }: Answer, ...asked: string[]): [number, string] {
  let words = text.replace(/"requestId":"[^"]*"/, "");
  for (const each of asked)
    words = words.replaceAll(each, "IT").replaceAll(JSON.stringify(each).slice(1, -1), "IT");
  return [status, words];
}

const ABSENT: Ids = {
  ...{ run: NO_ID, deadLetter: NO_ID, delivery: NO_ID, operation: "999999", key: "0bdmdvjvoqve" },
  ...{ job: "no/such", queue: "no/queue", ownQueue: "no/queue", schedule: "no/nightly" },
  ...{ secret: "NO_TOKEN", endpoint: "no-hook", subscription: "no-told" },
  ...{ alert: NO_ID, alertSilence: NO_ID, alertRule: "no-rule", alertTarget: "no-chat" },
  worker: "999999",
};

const RANGE = { from: "2026-01-01T00:00:00Z", until: "2026-01-03T00:00:00Z" };

/** For those operations that do not do without. */
const BODIES: Record<string, object> = {
  forkRun: { step: "any" },
  moveRun: { priority: 1 },
  resolveDoubt: { happened: false },
  answerApproval: { approved: true },
  setQueueLimits: { concurrency: 1 },
  changeOperation: { ratePerSecond: 1 },
  previewPatch: { patch: [{ op: "remove", path: "/x" }] },
  changeSchedule: { cron: "0 4 * * *" },
  backfillSchedule: RANGE,
  previewBackfill: RANGE,
};

/** What is there of a project, in all its tables, and the acts on it that are on record. */
async function stateOf(api: ApiUnderTest, name: string): Promise<unknown> {
  const { rows } = await api.db.query(
    `select (select jsonb_agg(to_jsonb(r) order by r.id) from millrace.run r where r.job like $1 || '/%') as runs,
       (select jsonb_agg(to_jsonb(d) order by d.run_id) from millrace.dead_letter d where d.job like $1 || '/%') as letters,
       (select jsonb_agg(to_jsonb(q) order by q.name) from millrace.queue q where q.project = $1) as queues,
       (select jsonb_agg(to_jsonb(s) order by s.name) from millrace.schedule s where s.name like $1 || '/%') as schedules,
       (select jsonb_agg(to_jsonb(s) order by s.name) from millrace.secret s where s.project = $1) as secrets,
       (select jsonb_agg(to_jsonb(o) - 'next_at' order by o.id) from millrace.operation o where $1 = any (o.projects)) as operations,
       (select jsonb_agg(to_jsonb(e) order by e.name) from millrace.webhook_endpoint e where e.project = $1) as endpoints,
       (select jsonb_agg(to_jsonb(s) order by s.name) from millrace.webhook_subscription s where s.project = $1) as subscriptions,
       (select jsonb_agg(to_jsonb(r) order by r.name) from millrace.alert_rule r where r.project = $1) as rules,
       (select jsonb_agg(to_jsonb(t) order by t.name) from millrace.alert_target t where t.project = $1) as targets,
       (select jsonb_agg(to_jsonb(s) order by s.id) from millrace.alert_silence s where s.project = $1) as silences,
       (select jsonb_agg(to_jsonb(a) order by a.id) from millrace.alert a where a.project = $1) as alerts,
       (select count(*) from millrace.alert_notification n where n.target like $1 || '-%') as notifications,
       (select count(*) from millrace.webhook_delivery d where d.subscription like $1 || '-%') as deliveries,
       (select jsonb_agg(to_jsonb(k) - 'last_used_at' order by k.id) from millrace.api_key k where projects = array[$1]) as keys,
       (select count(*) from millrace.waiter w join millrace.run r on r.id = w.run_id and r.job like $1 || '/%' where met_at is null) as waits,
       (select jsonb_agg(to_jsonb(w) order by w.id) from millrace.worker w where w.project = $1) as workers,
       (select count(*) from millrace.audit where entry::jsonb ->> 'project' = $1) as acts`,
    [name],
  );
  return rows[0];
}

/** Lists, and what of them tells that they are not empty. */
const LISTS: Record<
  string,
  { filters?: (shop: Furnished) => [foreign: string, absent: string][] }
> = {
  listRuns: {
    filters: ({ ids, runs }) => [
      [`?job=${ids.job}`, "?job=no/such"],
      [`?queue=${ids.queue}`, "?queue=no/queue"],
      ["?correlationId=shop-request", "?correlationId=none"],
      [`?parent=${runs[0]}`, `?parent=${NO_ID}`],
      [`?job=${ids.job}&state=waiting`, "?job=no/such&state=waiting"],
      [`?q=job:${ids.job}`, "?q=job:no/such"],
      ["?q=error:HttpError+shop", "?q=error:HttpError+nobody"],
      ["?q=status:waiting+correlation:shop-request", "?q=status:waiting+correlation:none"],
    ],
  },
  listJobs: {},
  listQueues: {},
  listPauses: {},
  listDeadLetters: {
    filters: ({ ids }) => [
      [`?job=${ids.job}`, "?job=no/such"],
      [`?queue=${ids.queue}`, "?queue=no/queue"],
      ["?text=shop", "?text=nobody"],
    ],
  },
  groupDeadLetters: {
    filters: ({ ids }) => [
      [`?job=${ids.job}`, "?job=no/such"],
      ["?text=shop", "?text=nobody"],
    ],
  },
  listOperations: {},
  listDoubts: { filters: ({ ids }) => [[`?job=${ids.job}`, "?job=no/such"]] },
  listApprovals: { filters: ({ ids }) => [[`?job=${ids.job}`, "?job=no/such"]] },
  listSchedules: { filters: ({ ids }) => [[`?job=${ids.job}`, "?job=no/such"]] },
  listWorkers: {},
  listKeys: {},
  listSecrets: {},
  listAudit: {
    filters: ({ ids }) => [
      [`?object=schedule:${ids.schedule}`, "?object=schedule:no/nightly"],
      ["?actor=key:shop%20admin", "?actor=key:nobody"],
    ],
  },
  listWebhooks: {},
  listAlerts: { filters: ({ ids }) => [[`?rule=${ids.alertRule}`, "?rule=no-rule"]] },
  listAlertRules: {},
  listAlertSilences: {},
  listAlertTargets: {},
  readScaling: { filters: ({ ids }) => [[`?queues=${ids.queue}`, "?queues=no/queue"]] },
  listProjects: {},
};

/** Of who asks, and of no object. */
const OF_THE_CALLER = ["whoAmI", "getSession", "logOut", "changePassword"];

/** What answers neither names nor ids, or goes by a name that is of no project; that it is of the caller's projects alone is shown beside what it answers: test/api/search, lines, run-export, live, overview, agenda, retention, error-groups, views, incidents. */
const ELSEWHERE = [
  ...["listLines", "followLines"],
  ...["countRuns", "watchLive", "listErrorGroups", "getErrorGroup", "changeErrorGroup"],
  ...["exportRuns", "getOverview", "getOverviewMinute", "getAgenda", "getRetention"],
  ...["listViews", "getView", "saveView", "removeView"],
  ...["listIncidents", "createIncident", "getIncident", "getIncidentMarkdown"],
  ...["addIncidentNote", "removeIncident"],
];

type Ask = (call: Call) => Promise<Answer>;

/** What makes something, or looks at many things, by names in its body: of each, a foreign one and one that is not there. */
const BY_BODY: Record<
  string,
  (shop: Furnished) => [path: string, foreign: object, absent: object][]
> = {
  createRun: ({ ids }) => [
    ["runs", { job: ids.job }, { job: "no/such" }],
    // What an input must be like is nobody's business either.
    ["runs", { job: ids.job, input: 7 }, { job: "no/such", input: 7 }],
    ["runs", { job: "crm/pay", queue: ids.queue }, { job: "crm/pay", queue: "no/queue" }],
    ["runs", { job: ids.job, idempotencyKey: "k" }, { job: "no/such", idempotencyKey: "k" }],
  ],
  createRuns: ({ ids }) => [
    [
      "runs/bulk",
      { runs: [{ job: ids.job }, { job: "crm/pay", queue: ids.queue }] },
      { runs: [{ job: "no/such" }, { job: "crm/pay", queue: "no/queue" }] },
    ],
  ],
  postAutomation: ({ ids }) => [
    ["../../automations", { job_type: ids.job, payload: {} }, { job_type: "no/such", payload: {} }],
  ],
  emitEvent: ({ ids }) => [
    ["events", { name: "paid", run: ids.run }, { name: "paid", run: NO_ID }],
    ["events", { name: "paid", project: "shop" }, { name: "paid", project: "no-project" }],
  ],
  createOperation: ({ ids }) => [
    [
      "operations",
      { kind: "dismiss", filter: { job: ids.job } },
      { kind: "dismiss", filter: { job: "no/such" } },
    ],
    [
      "operations",
      { kind: "rerun", filter: { text: "shop" }, patch: [] },
      { kind: "rerun", filter: { text: "nobody" }, patch: [] },
    ],
    [
      "operations",
      { kind: "cancel", query: `job:${ids.job}` },
      { kind: "cancel", query: "job:no/such" },
    ],
  ],
  previewOperation: ({ ids }) => [
    [
      "operations/preview",
      { kind: "rerun", filter: { job: ids.job }, patch: [] },
      { kind: "rerun", filter: { job: "no/such" }, patch: [] },
    ],
  ],
  createSchedule: ({ ids }) => [
    [
      "schedules",
      { name: "crm/new", job: ids.job, cron: "0 3 * * *" },
      { name: "crm/new", job: "no/such", cron: "0 3 * * *" },
    ],
  ],
  createKey: () => [
    [
      "keys",
      { name: "x", role: "viewer", projects: ["crm", "shop"] },
      { name: "x", role: "viewer", projects: ["crm", "no-project"] },
    ],
  ],
  changeSchedule: ({ ids }) => [
    ["PATCH schedules/crm%2Fnightly", { job: ids.job }, { job: "no/such" }],
  ],
  setSecret: () => [
    [
      "PUT secrets/CRM_NEW",
      { value: "a-secret-value", allJobs: true, project: "shop" },
      { value: "a-secret-value", allJobs: true, project: "no-project" },
    ],
  ],
  setWebhookEndpoint: ({ ids }) => [
    [
      "PUT webhooks/endpoints/crm-new",
      { scheme: "github", job: ids.job, secret: "CRM_TOKEN" },
      { scheme: "github", job: "no/such", secret: "CRM_TOKEN" },
    ],
    [
      "PUT webhooks/endpoints/crm-new",
      { scheme: "github", job: "crm/pay", secret: ids.secret },
      { scheme: "github", job: "crm/pay", secret: "NO_TOKEN" },
    ],
  ],
  setWebhookSubscription: ({ ids }) => {
    const asked = { url: "https://example.com", events: ["run.failed"] };
    return [
      [
        "PUT webhooks/subscriptions/crm-new",
        { ...asked, job: ids.job },
        { ...asked, job: "no/such" },
      ],
      [
        "PUT webhooks/subscriptions/crm-new",
        { ...asked, project: "shop" },
        { ...asked, project: "no-project" },
      ],
    ];
  },
  setAlertRule: () => [
    [
      "PUT alert-rules/crm-new",
      { kind: "dead-letters", project: "shop" },
      { kind: "dead-letters", project: "no-project" },
    ],
  ],
  silenceAlerts: ({ ids }) => [
    ["alert-silences", { for: "1h", rule: ids.alertRule }, { for: "1h", rule: "no-rule" }],
    ["alert-silences", { for: "1h", project: "shop" }, { for: "1h", project: "no-project" }],
  ],
  setAlertTarget: () => {
    const asked = { kind: "slack", credential: "https://example.com/x" };
    return [
      [
        "PUT alert-targets/crm-new",
        { ...asked, project: "shop" },
        { ...asked, project: "no-project" },
      ],
    ];
  },
  // It names no object.
  previewRule: () => [],
};

describe("S4: what belongs to another project", () => {
  let api: ApiUnderTest;
  let crm: Furnished;
  let shop: Furnished;
  let operations: Operation[];
  let ask: (path: string) => Ask;

  beforeEach(async () => {
    api = await startApi();
    shop = await furnish(api, "shop");
    crm = await furnish(api, "crm");
    operations = await operationsOf(api);
    ask = (path) => (call) => api.call(path, { key: crm.key, ...call });
  });

  const foreignTexts = () => {
    // The number of an operation, or a worker, is as good as any other number.
    const { operation: _, worker: __, ...ids } = shop.ids;
    return [...shop.runs, ...Object.values(ids), "shop"];
  };

  test("is, by each operation that names it in its path, as what is not there, and stays as it is", async () => {
    const before = await stateOf(api, "shop");
    let rows = 0;
    // What is removed goes last.
    const last = operations.filter(({ method }) => method === "DELETE");
    for (const operation of [...operations.filter((each) => !last.includes(each)), ...last]) {
      if (typeof operation.scope !== "object") continue;
      const { method, operation: id, scope } = operation;
      const call: Call = { method, ...(BODIES[id] && { json: BODIES[id] }) };
      const [foreign, absent] = [pathTo(operation, shop.ids), pathTo(operation, ABSENT)];
      const kinds = Object.keys(scope) as Kind[];
      const told = plain(await ask(foreign)(call), ...kinds.map((kind) => shop.ids[kind]));
      expect(told, id).toEqual(
        plain(await ask(absent)(call), ...kinds.map((kind) => ABSENT[kind])),
      );
      expect(told[0], `${id}: ${told[1]}`).toBe(404);
      const ownPath = pathTo(operation, crm.ids);
      // A stream of what goes on would not end.
      const own = await ask(ownPath)(ownPath.endsWith("/stream") ? { method: "HEAD" } : call);
      expect([401, 403, 404, 500], `${id}: ${own.text}`).not.toContain(
        // One that asks for no approval, or has no such step, says so.
        /step_not_found|doubt_not_found|approval_not_found/.test(own.text) ? 200 : own.status,
      );
      rows++;
    }
    expect(rows).toBeGreaterThan(40);
    expect(await stateOf(api, "shop")).toEqual(before);
  });

  test("is in no list, and a filter by it finds what one by nothing does", async () => {
    for (const { operation, path } of operations) {
      const list = LISTS[operation];
      if (!list) continue;
      const { text } = await ask(path)({});
      for (const foreign of foreignTexts()) expect(text, operation).not.toContain(foreign);
      expect(text, operation).toContain("crm");
      const whole = await api.call(path);
      expect(whole.text, operation).toContain("shop");
      for (const [foreign, absent] of list.filters?.(shop) ?? []) {
        const told = async (query: string) =>
          plain(await ask(path + query)({}), ...new URLSearchParams(query).values());
        expect(await told(foreign), `${operation}${foreign}`).toEqual(await told(absent));
      }
    }
  });

  test("is, by each operation that names it in its body, as what is not there", async () => {
    const before = await stateOf(api, "shop");
    for (const [operation, rows] of Object.entries(BY_BODY)) {
      for (const [place, foreign, absent] of rows(shop)) {
        const [, method = "POST", path] = /^(?:([A-Z]+) )?(.*)$/.exec(place)!;
        const url = path!.startsWith("..") ? path!.slice(5) : `/api/v1/${path}`;
        const names = (body: object) =>
          Object.values({ ...body, ...(body as { filter?: object }).filter })
            .flat()
            .flatMap((value) =>
              typeof value === "object" && value ? Object.values(value) : [value],
            )
            .filter((value): value is string => typeof value === "string");
        const told = plain(await ask(url)({ method, json: foreign }), ...names(foreign));
        expect(told, `${operation}: ${JSON.stringify(foreign)}`).toEqual(
          plain(await ask(url)({ method, json: absent }), ...names(absent)),
        );
        expect(told[1]).not.toMatch(/shop/i);
      }
    }
    expect(await stateOf(api, "shop")).toEqual(before);
  });

  test("no operation is left out of these, and what concerns the installation is refused", async () => {
    for (const { operation, method, path, scope } of operations) {
      if (scope === undefined || typeof scope === "object") continue;
      if (scope === "installation") {
        const url = path.replaceAll(/\{\w+\}/g, "ana@example.com");
        const { status, body } = await ask(url)({ method });
        expect([status, body.code], operation).toEqual([403, "forbidden"]);
        expect(body.detail).toContain("confined to project crm");
        continue;
      }
      const known = [
        ...Object.keys(LISTS),
        ...Object.keys(BY_BODY),
        ...OF_THE_CALLER,
        ...ELSEWHERE,
      ];
      expect(known, operation).toContain(operation);
    }
  });

  test("keeps its names, and who asks for one of them is told so", async () => {
    const json = { value: "a-secret-value", allJobs: true };
    const hook = { scheme: "github", job: "crm/pay", secret: "CRM_TOKEN" };
    const sub = { url: "https://example.com", events: ["run.failed"] };
    const cron = { name: shop.ids.schedule, job: "crm/pay", cron: "0 3 * * *" };
    const taken: [string, Call][] = [
      [`/api/v1/secrets/${shop.ids.secret}`, { method: "PUT", json }],
      [`/api/v1/webhooks/endpoints/${shop.ids.endpoint}`, { method: "PUT", json: hook }],
      [`/api/v1/webhooks/subscriptions/${shop.ids.endpoint}`, { method: "PUT", json: sub }],
      [`/api/v1/webhooks/subscriptions/${shop.ids.subscription}`, { method: "PUT", json: sub }],
      [`/api/v1/alert-rules/${shop.ids.alertRule}`, { method: "PUT", json: { enabled: false } }],
      ["/api/v1/alert-rules/dead-letters", { method: "PUT", json: { enabled: false } }],
      [
        `/api/v1/alert-targets/${shop.ids.alertTarget}`,
        { method: "PUT", json: { enabled: false } },
      ],
      [`/api/v1/webhooks/endpoints/${shop.ids.subscription}`, { method: "PUT", json: hook }],
      ["/api/v1/schedules", { json: cron }],
    ];
    const before = await stateOf(api, "shop");
    for (const [path, call] of taken) {
      const { status, body } = await ask(path)(call);
      expect([status, body.code], `${path}: ${body.detail}`).toEqual([409, "name_taken"]);
    }
    expect(await stateOf(api, "shop")).toEqual(before);
  });

  test("is counted in no queue that all share, which nobody of one project changes", async () => {
    const path = "/api/v1/queues/default";
    for (let n = 0; n < 3; n++) {
      await done(api.call("/api/v1/runs", { json: { job: "shop/plain" }, key: shop.key }));
    }
    expect((await ask(path)({})).body).toMatchObject({ project: null, ready: 1, workers: 0 });
    expect((await api.call(path)).body).toMatchObject({ ready: 5 });
    for (const what of ["pause", "resume"]) {
      const { status, body } = await ask(`${path}/${what}`)({ method: "POST" });
      expect([status, body.code]).toEqual([403, "forbidden"]);
    }
    expect((await api.call(`${path}/pause`, { method: "POST" })).status).toBe(200);
    expect((await ask("/api/v1/pauses")({})).body.pauses).toContainEqual(
      expect.objectContaining({ queue: "default" }),
    );

    const { body: mine } = await ask("/api/v1/runs")({ json: { job: "crm/plain" } });
    const { body, text } = await ask(`/api/v1/runs/${mine.id}/explain`)({});
    expect(text).not.toMatch(/shop/);
    expect(body.blockers).toContainEqual(expect.objectContaining({ code: "behind", ahead: 1 }));
  });

  test("shows in no cursor: where a window of others' runs ends is told as an instant", async () => {
    await seedDeadLetters(api.db, 20_001, { job: "shop/pay", queue: "shop/queue" });
    for (const path of ["/api/v1/runs?job=crm/pay&limit=50", "/api/v1/dead-letters?limit=50"]) {
      const seen: string[] = [];
      let pages = 0;
      for (let cursor: string | null = ""; cursor !== null; pages++) {
        const { body } = await ask(path + (cursor && `&cursor=${cursor}`))({});
        const rows = (body.runs ?? body.deadLetters) as { id?: string; runId?: string }[];
        seen.push(...rows.map((row) => (row.id ?? row.runId)!));
        cursor = body.nextCursor as string | null;
        const { rows: foreign } = await api.db.query(
          "select id from millrace.run where id = $1 and job like 'shop/%'",
          [cursor],
        );
        expect(foreign).toEqual([]);
        expect(pages).toBeLessThan(5);
      }
      expect(pages).toBeGreaterThan(1);
      expect(seen.toSorted()).toEqual(
        path.includes("dead") ? expect.arrayContaining([crm.ids.deadLetter]) : crm.runs.toSorted(),
      );
    }
  });

  test("has Idempotency-Keys of its own, also of a caller of the same name", async () => {
    const twin = async (project: string | null, name = "twin") => {
      const json = { name, role: "operator", projects: project && [project] };
      return (await done(api.call("/api/v1/keys", { json }))).key as string;
    };
    const headers = { "idempotency-key": "k" };
    const json = { name: "paid" };
    const one = await api.call("/api/v1/events", { key: await twin("crm"), json, headers });
    const other = await api.call("/api/v1/events", { key: await twin("shop"), json, headers });
    expect([one.status, other.status]).toEqual([201, 201]);
    expect(one.headers.get("idempotency-replayed")).toBe(null);
    expect(one.body.id).not.toBe(other.body.id);
    const whole = await api.call("/api/v1/events", {
      key: await twin(null, "twin of crm"),
      ...{ json, headers },
    });
    expect([whole.status, whole.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("is not in the audit of who is confined, and their entries name their project", async () => {
    const { body } = await ask("/api/v1/audit?limit=1000")({});
    expect(body.head).toBe(null);
    expect(body.entries.length).toBeGreaterThan(5);
    expect(new Set(body.entries.map(({ project }: { project: string }) => project))).toEqual(
      new Set(["crm"]),
    );
    const objects = new Set(body.entries.map(({ object }: { object: string }) => object));
    for (const kind of [
      "secret:CRM_TOKEN",
      "webhook:crm-hook",
      "schedule:crm/nightly",
      "job:crm/pay",
      "queue:crm/queue",
      `operation:${crm.ids.operation}`,
      `key:${crm.ids.key}`,
    ]) {
      expect(objects, kind).toContain(kind);
    }
  });
});
