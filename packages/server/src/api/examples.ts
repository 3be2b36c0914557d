import type { Json } from "@millrace/core";

/** What the reference shows of the main operations, by operation id. A test holds them against the schemas. */
export const EXAMPLES: Record<string, { request?: Json; response?: Record<string, Json> }> = {
  postAutomation: {
    request: { job_type: "report", payload: { month: "2025-11" } },
    response: { 202: { task_id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49", status: "queued" } },
  },
  getAutomation: {
    response: {
      200: {
        id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
        job_type: "report",
        status: "completed",
        payload: { month: "2025-11" },
        result: { orders: 416, files: { html: "/srv/out/report/orders.html" } },
        created_at: "2026-11-24T09:00:00.000Z",
        started_at: "2026-11-24T09:00:00.012Z",
        completed_at: "2026-11-24T09:00:01.480Z",
        retry_count: 0,
        error_message: null,
      },
    },
  },
  createKey: {
    request: { name: "deploy bot", role: "operator", expiresIn: "90d" },
    response: {
      201: {
        id: "0bdmdvjvoqve",
        name: "deploy bot",
        role: "operator",
        projects: null,
        state: "valid",
        createdAt: "2026-11-24T09:00:00.000Z",
        createdBy: "api",
        expiresAt: "2027-02-22T09:00:00.000Z",
        revokedAt: null,
        successor: null,
        lastUsedAt: null,
        key: "mr_0bdmdvjvoqve_Ztk0Vbm0sd4FE1JT7OINIbsOQ7y2j5ul9dXlUevDHXc4MBu1L",
      },
    },
  },
  addPerson: {
    request: { email: "ana@example.com", name: "Ana", role: "operator" },
    response: {
      201: {
        email: "ana@example.com",
        name: "Ana",
        role: "operator",
        roleFrom: "hand",
        projects: null,
        state: "invited",
        setupUntil: "2026-11-25T09:00:00.000Z",
        password: false,
        signOn: false,
        secondFactor: false,
        createdAt: "2026-11-24T09:00:00.000Z",
        createdBy: "api",
        loggedInAt: null,
        disabledAt: null,
        setupCode: "gO2m9sGx3v0Yp7nEJ1nC0o5YkV8rQ4tHcXwZb6uLdA8",
        setupLink: null,
      },
    },
  },
  setSecret: {
    request: { value: "crm-0a1b2c3d4e5f", jobs: ["report"] },
    response: {
      200: {
        name: "CRM_TOKEN",
        version: 1,
        source: null,
        jobs: ["report"],
        keyId: "5d2c8f01",
        createdAt: "2026-11-24T09:00:00.000Z",
        createdBy: "api",
        changedAt: "2026-11-24T09:00:00.000Z",
        changedBy: "api",
      },
    },
  },
  setWebhookEndpoint: {
    request: {
      scheme: "stripe",
      job: "order-paid",
      secret: "STRIPE_HOOK",
      mapping: { orderId: "data.object.id", kind: "type", source: { const: "stripe" } },
    },
    response: {
      201: {
        name: "stripe",
        path: "/hooks/rV0mUqSVo2bDqD3sBx3nJxk1vS1Jb3aY",
        scheme: "stripe",
        job: "order-paid",
        secrets: [{ name: "STRIPE_HOOK", until: null }],
        mapping: { orderId: "data.object.id", kind: "type", source: { const: "stripe" } },
        enabled: true,
        createdAt: "2026-11-24T09:00:00.000Z",
        createdBy: "api",
        changedAt: "2026-11-24T09:00:00.000Z",
        changedBy: "api",
      },
    },
  },
  setWebhookSubscription: {
    request: {
      url: "https://ops.example.com/millrace",
      events: ["run.failed", "run.dead_lettered"],
      job: "report",
    },
    response: {
      201: {
        name: "ops",
        url: "https://ops.example.com/millrace",
        events: ["run.failed", "run.dead_lettered"],
        job: "report",
        enabled: true,
        disabledReason: null,
        createdAt: "2026-11-24T09:00:00.000Z",
        createdBy: "api",
        changedAt: "2026-11-24T09:00:00.000Z",
        changedBy: "api",
        secret: "whsec_vTf2Zr3mWk6yQ0uXh8sPq1d5aEoJc9nL7bGiRtYxM4w=",
      },
    },
  },
  testWebhookSubscription: {
    response: {
      202: {
        id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
        subscription: "ops",
        event: "webhook.ping",
        runId: null,
        at: "2026-11-24T09:00:00.000Z",
        outcome: null,
        attempts: 0,
        lastAttemptAt: null,
        nextAttemptAt: "2026-11-24T09:00:00.000Z",
        status: null,
        error: null,
        answer: null,
        body: {
          type: "webhook.ping",
          timestamp: "2026-11-24T09:00:00.000Z",
          data: { subscription: "ops" },
        },
      },
    },
  },
  createRun: {
    request: {
      job: "report",
      input: { month: "2025-11" },
      delay: "10m",
      ttl: "1h",
      priority: 5,
      idempotencyKey: "report-2025-11",
    },
    response: {
      201: {
        id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
        created: true,
        queue: "default",
        runAt: "2026-11-24T09:10:00.000Z",
      },
    },
  },
  createRuns: {
    request: {
      runs: [
        { job: "report", input: { month: "2026-09" } },
        { job: "report", input: { month: 10 } },
      ],
    },
    response: {
      200: {
        accepted: 1,
        refused: 1,
        results: [
          {
            id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
            created: true,
            queue: "default",
            runAt: null,
          },
          {
            error: {
              type: "/docs#error-invalid_input",
              title: "The input does not match the job's schema",
              status: 400,
              code: "invalid_input",
              detail: "input of report: /month: Invalid input: expected string, received number",
              pointer: "/runs/1/input/month",
            },
          },
        ],
      },
    },
  },
  listRuns: {
    response: {
      200: {
        runs: [
          {
            id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
            job: "sync",
            queue: "default",
            state: "scheduled",
            reason: "retry 1 in 3.2 s",
            priority: 0,
            version: null,
            attempt: 1,
            failures: 1,
            losses: 0,
            trigger: "api",
            correlationId: "checkout-4711",
            idempotencyKey: null,
            rerunOf: null,
            continuedFrom: null,
            continuedAs: null,
            schedule: null,
            scheduledFor: null,
            createdAt: "2026-11-24T09:00:00.000Z",
            runAt: "2026-11-24T09:00:04.700Z",
            expiresAt: null,
            startedAt: null,
            finishedAt: null,
            worker: null,
            error: { class: "TypeError", message: "fetch failed" },
            fields: { "order.id": "o-17" },
          },
        ],
        nextCursor: null,
      },
    },
  },
  cancelRun: {
    request: { reason: "started by mistake" },
    response: { 200: { result: "cancelled" } },
  },
  moveRun: { request: { queue: "slow", priority: -5 } },
  pauseQueue: { request: { reason: "the shop's API is down", for: "1h" } },
  drainQueue: { request: { reason: "it moves to another region", until: "2026-11-24T18:00:00Z" } },
  setQueueLimits: { request: { concurrency: 4, rate: { limit: 100, per: "1m", burst: 5 } } },
  pauseJob: { request: { key: "acme", reason: "they are moving", until: "2026-11-24T18:00:00Z" } },
  disableJob: { request: { reason: "it sends letters twice", for: "2h" } },
  resumeJob: { request: { key: "acme" } },
  dismissDeadLetter: { request: { note: "the order was refunded by hand" } },
  rerunDeadLetter: { request: { patch: [{ op: "replace", path: "/account", value: "c-882" }] } },
  previewPatch: {
    request: { patch: [{ op: "replace", path: "/account", value: "c-882" }] },
    response: {
      200: {
        runId: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
        job: "transfer",
        before: { account: "c-881", cents: 100 },
        after: { account: "c-882", cents: 100 },
        accepted: true,
        problem: null,
      },
    },
  },
  listApprovals: {
    response: {
      200: {
        approvals: [
          {
            runId: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
            job: "refund",
            queue: "default",
            name: "refund",
            ordinal: 1,
            ask: "Refund 120.00 EUR to Ada?",
            details: { order: "4711", reason: "arrived broken" },
            role: null,
            since: "2026-11-24T09:00:00.000Z",
            until: "2026-12-01T09:00:00.000Z",
          },
        ],
        nextCursor: null,
      },
    },
  },
  answerApproval: {
    request: { approved: true, note: "the photo is clear" },
    response: {
      200: {
        name: "refund",
        ordinal: 1,
        approved: true,
        by: "api",
        note: "the photo is clear",
        at: "2026-11-24T10:12:00.000Z",
      },
    },
  },
  createSchedule: {
    request: {
      name: "nightly",
      job: "report",
      cron: "30 1 * * *",
      timeZone: "Europe/Lisbon",
      input: { month: "2027-01" },
      overlap: "skip",
      missed: "last",
      grace: "5m",
    },
  },
  changeSchedule: { request: { cron: "0 2 * * mon-fri", jitter: "10m" } },
  previewRule: {
    request: {
      cron: "30 1 * * *",
      timeZone: "Europe/Lisbon",
      from: "2027-03-28T00:00:00Z",
      count: 1,
    },
    response: {
      200: {
        occurrences: [
          {
            at: "2027-03-28T01:00:00.000Z",
            nominal: "2027-03-28T01:00:00.000Z",
            local: "2027-03-28T02:00:00+01:00",
            wall: "2027-03-28T01:30:00",
            dst: "gap",
            note: "the clocks skip 01:30; it fires at the first instant after the gap",
            blackout: null,
          },
        ],
      },
    },
  },
  pauseSchedule: { request: { reason: "the bank is closed", until: "2027-01-04T00:00:00Z" } },
  backfillSchedule: {
    request: { from: "2027-03-01T00:00:00Z", until: "2027-03-08T00:00:00Z", ratePerSecond: 10 },
  },
  createOperation: {
    request: {
      kind: "rerun",
      filter: { job: "transfer", fingerprint: "a07c5be13f1c2ab9" },
      ratePerSecond: 20,
      canary: true,
    },
  },
  getHealth: {
    response: {
      200: {
        status: "ok",
        checks: {
          database: "ok",
          transport: "ok",
          maintenance: "ok",
          scheduler: "ok",
          worker: "ok",
        },
      },
    },
  },
};
