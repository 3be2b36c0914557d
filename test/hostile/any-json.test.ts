import type { AddressInfo } from "node:net";
import { type Context, MillraceError, defineJob } from "@millrace/sdk";
import { enqueueIn } from "@millrace/sdk/sql";
import { MetricsRegistry, buildApi } from "millrace";
import fc from "fast-check";
import { anyText } from "../support/any-text.ts";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { until } from "../support/until.ts";
import { canonical, document } from "./documents.ts";

const KEY = "the-key-of-the-hostile-tests";

/** Each of some ten documents; more for who has the time. */
const ROUNDS = Number(process.env.MILLRACE_TEST_ROUNDS ?? 8);

/** What handlers received, by run. */
const received = new Map<string, unknown>();

const echo = defineJob({
  name: "echo",
  input: z.unknown(),
  retry: { maxAttempts: 1 },
  run: (input: unknown, { runId, log }) => {
    received.set(runId, input);
    log.info("input", { input, beside: "kept" });
    return input;
  },
});

const says = defineJob({
  name: "says",
  input: z.unknown(),
  retry: { maxAttempts: 1 },
  run: (_input, ctx: Context) => {
    const text = texts.get(ctx.runId)!;
    ctx.log.info(text, { [text]: text });
    ctx.progress(1, 2, text);
    const error = new Error(text);
    error.name = text;
    throw error;
  },
});
const texts = new Map<string, string>();

interface Server {
  mill: Mill;
  call(path: string, body?: string): Promise<{ status: number; body: Answer }>;
}

// What a test expects of it, it says itself.
// oxlint-disable-next-line typescript/no-explicit-any
type Answer = any;

async function startServer(): Promise<Server> {
  const mill = await Mill.create(echo, says);
  const api = await buildApi({
    db: mill.db,
    intake: mill.intake,
    ring: () => {},
    apiKey: KEY,
    secretKeys: secretKeys(),
    logger: mill.logger,
    version: "test",
    metrics: new MetricsRegistry(),
    health: async () => ({ ok: true, checks: {} }),
  });
  await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  const { port } = api.server.address() as AddressInfo;
  await mill.startWorker({ concurrency: 50 });
  return {
    mill,
    async call(path, body) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        ...(body !== undefined && { body }),
      });
      return { status: answer.status, body: (await answer.json()) as Answer };
    },
  };
}

/** What somebody gave, and the run that it became. */
interface Accepted {
  text: string;
  id: string;
}

async function expectKept({ mill, call }: Server, accepted: readonly Accepted[]): Promise<void> {
  const ids = accepted.map(({ id }) => id);
  await until("all runs have ended", async () => {
    const [row] = await mill.rows<{ open: number }>(
      "select count(*)::int as open from millrace.run where id = any ($1) and state is null",
      [ids],
    );
    return row!.open === 0;
  });
  const rows = await mill.rows<{ id: string; payload: string; result: string; status: string }>(
    `select id, status, payload::text, result::text from millrace.automation_jobs where id = any ($1)`,
    [ids],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const seen = new Set<string>();
  await Promise.all(
    accepted.map(async ({ id, text }) => {
      const wanted = canonical(JSON.parse(text));
      const row = byId.get(id)!;
      expect(row.status, text).toBe("completed");
      expect(canonical(received.get(id)), text).toBe(wanted);
      expect(canonical(JSON.parse(row.payload)), text).toBe(wanted);
      expect(canonical(JSON.parse(row.result)), text).toBe(wanted);
      // Once for each text: the innocents are many.
      if (seen.has(text)) return;
      seen.add(text);
      const [run, automation, logs] = await Promise.all([
        call(`/api/v1/runs/${id}`),
        call(`/automations/${id}`),
        call(`/api/v1/runs/${id}/logs`),
      ]);
      expect(run.status, text).toBe(200);
      expect(canonical(run.body.input), text).toBe(wanted);
      expect(canonical(run.body.output), text).toBe(wanted);
      expect(canonical(automation.body.payload), text).toBe(wanted);
      expect(logs.body.lines, text).toHaveLength(1);
      const { fields } = logs.body.lines[0];
      if (fields.cut !== undefined) return;
      expect(fields.beside).toBe("kept");
      // There it stands one level deeper.
      if (canonical(fields.input) !== wanted) {
        expect(fields.input.refused, text).toMatch(/64 levels/);
      }
    }),
  );
}

/** A refusal says where; only of a body that is too deep the place is the item as a whole. */
function expectRefusal(problem: Answer, field: string, text: string): void {
  expect(problem.status, `${text}: ${JSON.stringify(problem)}`).toBeOneOf([400, 413]);
  expect(problem.code, text).toBeOneOf(["invalid_json", "payload_too_large"]);
  if (problem.pointer !== undefined) expect(problem.pointer, text).toMatch(new RegExp(`^${field}`));
}

const innocent = '{"job":"echo","input":"innocent"}';

test(
  "over HTTP any JSON comes out as it went in, or is refused with its place, and holds up nobody",
  async () => {
    const server = await startServer();
    let kept = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(document, { minLength: 8, maxLength: 16 }), async (documents) => {
        const items = documents.flatMap((text) => [`{"job":"echo","input":${text}}`, innocent]);
        const bulk = await server.call("/api/v1/runs/bulk", `{"runs":[${items.join(",")}]}`);
        expect(bulk.status, documents.join("\n")).toBe(200);
        const accepted: Accepted[] = [];
        for (const [index, result] of (bulk.body.results as Answer[]).entries()) {
          const text = index % 2 === 0 ? documents[index / 2]! : '"innocent"';
          if (result.error) expectRefusal(result.error, `/runs/${index}`, text);
          else accepted.push({ text, id: result.id });
          if (index % 2 === 1) expect(result.error).toBeUndefined();
          else if (result.error) refused++;
          else kept++;
        }
        for (const text of documents.slice(0, 4)) {
          const single = await server.call("/automations", `{"job_type":"echo","payload":${text}}`);
          // Taken alone it fares no better and no worse.
          const alike = (bulk.body.results as Answer[])[documents.indexOf(text) * 2];
          if (single.status === 202) accepted.push({ text, id: single.body.task_id });
          else expectRefusal(single.body, "/payload", text);
          expect(single.status === 202, text).toBe(alike.error === undefined);
        }
        await expectKept(
          server,
          accepted.filter((one) => JSON.parse(one.text) !== null),
        );
      }),
      { numRuns: ROUNDS, endOnFailure: true },
    );
    expect(kept).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(10);
  },
  Math.max(240_000, ROUNDS * 10_000),
);

test(
  "in a transaction and by SQL any JSON comes out as it went in, or is refused",
  async () => {
    const server = await startServer();
    const { mill } = server;
    const client = new pg.Client({ connectionString: mill.url });
    await client.connect();
    onTestFinished(() => client.end());
    const inTransaction = async <T>(work: () => Promise<T>): Promise<T | { refused: unknown }> => {
      await client.query("begin");
      try {
        const result = await work();
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        return { refused: error };
      }
    };
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(document, { minLength: 8, maxLength: 16 }), async (documents) => {
        const accepted: Accepted[] = [];
        const bySql: Accepted[] = [];
        for (const text of documents) {
          const value: unknown = JSON.parse(text);
          const asked = await inTransaction(() => enqueueIn(client, echo, value));
          if ("id" in asked) {
            if (value !== null) accepted.push({ text: JSON.stringify(value), id: asked.id });
          } else {
            expect(asked.refused, text).toBeInstanceOf(MillraceError);
            expect((asked.refused as MillraceError).code, text).toBe("invalid_json");
            expect((asked.refused as MillraceError).pointer, text).toMatch(/^(\/|$)/);
          }
          const raw = await inTransaction(async () => {
            const { rows } = await client.query(
              "select millrace.enqueue('echo', $1::jsonb) as id",
              [text],
            );
            return rows[0] as { id: string };
          });
          if ("id" in raw) {
            if (value !== null) bySql.push({ text, id: raw.id });
          } else {
            // NUL, half of a surrogate pair; too deep; a number beyond what even PostgreSQL holds.
            expect((raw.refused as pg.DatabaseError).code, text).toMatch(
              /^(22P0[25]|ML022|22003)$/,
            );
          }
        }
        await expectKept(server, accepted);
        await until("those by SQL have ended", async () => {
          const states = await Promise.all(bySql.map(({ id }) => mill.state(id)));
          return states.every((state) => state === "completed" || state === "failed");
        });
        const good: Accepted[] = [];
        for (const one of bySql) {
          if ((await mill.state(one.id)) === "completed") {
            good.push(one);
            continue;
          }
          failed++;
          const { body } = await server.call(`/api/v1/runs/${one.id}`);
          expect(body.error, one.text).toMatchObject({
            class: "InvalidInput",
            message: expect.stringContaining("than a double holds"),
          });
        }
        await expectKept(server, good);
      }),
      { numRuns: ROUNDS, endOnFailure: true },
    );
    expect(failed).toBeGreaterThan(0);
  },
  Math.max(240_000, ROUNDS * 10_000),
);

test(
  "what handlers say and throw is kept as far as PostgreSQL's text goes, and runs know their keys",
  async () => {
    const server = await startServer();
    const { mill, call } = server;
    await mill.startDispatcher();
    let keys = 0;
    const text = anyText({ minLength: 1, maxLength: 40 });
    const odd = fc.constantFrom(
      "\0",
      "\ud800",
      "a\0b\udc00",
      "\u{1F600}",
      "' -- $1",
      "{{x}}",
      "\\",
      "__proto__",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(text, odd), { minLength: 4, maxLength: 8 }),
        async (said) => {
          const runs = await Promise.all(
            said.map(async (one) => {
              const idempotencyKey = `${one}${++keys}`;
              const body = { job: "says", correlationId: one, idempotencyKey };
              const storable = one.isWellFormed() && !one.includes("\0");
              const answer = await call("/api/v1/runs", JSON.stringify({ ...body, delay: "1h" }));
              expect(answer.status, JSON.stringify(one)).toBe(storable ? 201 : 400);
              if (storable) {
                const { body: run } = await call(`/api/v1/runs/${answer.body.id}`);
                expect(run).toMatchObject({ correlationId: one, idempotencyKey });
              } else {
                expect(answer.body.pointer).toMatch(/^\/(correlationId|idempotencyKey)$/);
              }
              const { id } = await mill.intake.accept({
                job: "says",
                trigger: "api",
                delayMs: 3_600_000,
              });
              texts.set(id, one);
              return { id, one };
            }),
          );
          await mill.rows("update millrace.timer set due_at = now() where run_id = any ($1)", [
            runs.map(({ id }) => id),
          ]);
          for (const { id, one } of runs) {
            await mill.untilState(id, "failed");
            const kept = one.toWellFormed().replaceAll("\0", "\uFFFD");
            const { body: run } = await call(`/api/v1/runs/${id}`);
            expect(run.error).toEqual({ class: kept, message: kept });
            expect(run.progress.message).toBe(kept);
            const { lines } = (await call(`/api/v1/runs/${id}/logs`)).body;
            expect(lines).toHaveLength(1);
            expect(lines[0].message).toBe(kept);
          }
        },
      ),
      { numRuns: ROUNDS / 2, endOnFailure: true },
    );
  },
  Math.max(240_000, ROUNDS * 10_000),
);
