import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunFailedError, createClient } from "@millrace/sdk";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { report } from "../../examples/report/job.ts";
import { script } from "../../examples/script/job.ts";
import { createDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { addressOf, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const KEY = "a-key-of-this-test-only";

/** The whole server as a process of its own, with the examples, on a database of its own. */
async function startServer() {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const out = mkdtempSync(join(tmpdir(), "millrace-e2e-"));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const env = {
    DATABASE_URL: url,
    MILLRACE_HOME: newHome(),
    MILLRACE_PORT: String(await freePort()),
    MILLRACE_API_KEY: KEY,
    REPORT_OUT: out,
  };
  const server = await startMillrace(["start", "--jobs", EXAMPLES], env);
  const address = await addressOf(server);
  const call = async (path: string, body?: unknown) => {
    const answer = await fetch(address + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { url, env, out, address, call, client: createClient({ url: address, key: KEY }) };
}

test("one job gives one answer: by call, over the article's contract, the API, the client, the command line and SQL", async () => {
  const { url, env, out, call, client } = await startServer();
  process.env["REPORT_OUT"] = out;
  onTestFinished(() => {
    delete process.env["REPORT_OUT"];
  });
  const { files: _files, ...expected } = await report.call({ month: "2025-11" });

  const accepted = await call("/automations", {
    job_type: "report",
    payload: { month: "2025-11" },
  });
  expect(accepted).toEqual({
    status: 202,
    body: { task_id: expect.any(String), status: "queued" },
  });
  const automation = await until("the automation has completed", async () => {
    const { body } = await call(`/automations/${String(accepted.body["task_id"])}`);
    return body["status"] === "completed" && body;
  });
  expect(automation["result"]).toMatchObject(expected);

  const made = await call("/api/v1/runs", { job: "report", input: { month: "2025-11" } });
  expect(made.status).toBe(201);
  const run = await until("the run has completed", async () => {
    const { body } = await call(`/api/v1/runs/${String(made.body["id"])}`);
    return body["state"] === "completed" && body;
  });
  expect(run["output"]).toMatchObject(expected);

  const handle = await client.enqueue(report, { month: "2025-11" });
  expect(await handle.result()).toMatchObject(expected);

  const shell = await millrace(
    ["run", "report", "--input", '{"month":"2025-11"}', "--wait", "--json"],
    { ...env, MILLRACE_URL: "http://127.0.0.1:" + env.MILLRACE_PORT },
  );
  expect(shell.code).toBe(0);
  expect(JSON.parse(shell.stdout)).toMatchObject({ output: expected });

  const caller = new pg.Client({ connectionString: url });
  onTestFinished(() => caller.end());
  await caller.connect();
  await caller.query("begin");
  const { rows } = await caller.query<{ id: string }>(
    `select millrace.enqueue('report', '{"month": "2025-11"}') as id`,
  );
  await caller.query("commit");
  const viaSql = await until("what SQL enqueued has completed", async () => {
    const view = await caller.query<{ result: unknown }>(
      "select result from millrace.automation_jobs where id = $1 and status = 'completed'",
      [rows[0]!.id],
    );
    return view.rows[0]?.result;
  });
  expect(viaSql).toMatchObject(expected);
});

test("a run that fails for good is a dead letter with its attempts and lines; rerun, it is handled", async () => {
  const { call, client, env } = await startServer();
  const handle = await client.enqueue(script, { script: "fails.py", payload: { exitCode: 65 } });
  await expect(handle.result()).rejects.toBeInstanceOf(RunFailedError);

  const { body: run } = await call(`/api/v1/runs/${handle.id}`);
  expect(run).toMatchObject({ state: "failed", attempts: [{ number: 1, outcome: "failed" }] });
  const { body: log } = await call(`/api/v1/runs/${handle.id}/logs`);
  expect(log["lines"]).toContainEqual(
    expect.objectContaining({ level: "warn", message: "the input is of no use" }),
  );
  const { body: dead } = await call("/api/v1/dead-letters");
  expect(dead["deadLetters"]).toMatchObject([{ runId: handle.id, job: "script" }]);

  const again = await millrace(["dead", "rerun", handle.id], {
    ...env,
    MILLRACE_URL: "http://127.0.0.1:" + env.MILLRACE_PORT,
  });
  expect(again.code).toBe(0);
  const { body: handled } = await call("/api/v1/dead-letters");
  expect(handled["deadLetters"]).not.toContainEqual(expect.objectContaining({ runId: handle.id }));
});

test("what a run has said of its inputs stays out of the metrics, and the counters add up", async () => {
  const { address, client } = await startServer();
  for (let n = 0; n < 3; n++) {
    await (await client.enqueue(report, { month: "2025-11" })).result();
  }
  const authorized = { headers: { authorization: `Bearer ${KEY}` } };
  // A worker counts an outcome when it hears that it is on record, which the client may do before.
  const text = await until("all outcomes are counted", async () => {
    const scraped = await (await fetch(`${address}/metrics`, authorized)).text();
    const counted = 'millrace_attempts_total{job_name="report",outcome="completed"} 3';
    return scraped.includes(counted) && scraped;
  });
  expect(text).toContain('millrace_runs_accepted_total{job_name="report"} 3');
  expect(text).toContain("millrace_runs_queued 0");
  expect(text).not.toContain("2025-11");
});
