import { join } from "node:path";
import { expect, test } from "vitest";
import { lendDatabase } from "../support/lent-database.ts";
import { addressOf, newHome, startMillrace } from "../support/millrace.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { until } from "../support/until.ts";

const API_KEY = "mr_the-key-of-one-request";

type Line = Record<string, string | number | undefined>;

test("a request is followed by its ids from its caller through the API, its run, the run's child and whom that calls, in log and headers", async () => {
  const bank = await receivingServer();
  const { url } = await lendDatabase();
  const server = await startMillrace(
    ["start", "--jobs", join(import.meta.dirname, "jobs/followed.job.ts")],
    {
      DATABASE_URL: url,
      MILLRACE_HOME: newHome(),
      MILLRACE_PORT: "0",
      MILLRACE_API_KEY: API_KEY,
      MILLRACE_LOG_LEVEL: "debug",
      MILLRACE_ALLOWED_HOSTS: bank.host,
    },
  );
  const address = await addressOf(server);
  const ask = async (path: string, headers: Record<string, string> = {}, json?: unknown) => {
    const answer = await fetch(`${address}${path}`, {
      ...(json !== undefined && { method: "POST", body: JSON.stringify(json) }),
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(json !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
    });
    return {
      headers: answer.headers,
      body: (await answer.json()) as { id: string; state: string },
    };
  };
  const made = await ask(
    "/api/v1/runs",
    { "x-request-id": "request-1", "x-correlation-id": "order-17" },
    { job: "outer", input: { url: bank.url } },
  );
  const run = made.body.id;
  expect(made.headers.get("x-request-id")).toBe("request-1");
  await until("it has completed", async () => {
    return (await ask(`/api/v1/runs/${run}`)).body.state === "completed";
  });
  expect(bank.received[0]!.headers["x-correlation-id"]).toBe("order-17");

  const lines = () =>
    server.output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line);
  await until("both attempts are told of", () => {
    return lines().filter(({ event }) => event === "attempt.completed").length === 2;
  });
  const about = (event: string, job?: string) =>
    lines().find((line) => line["event"] === event && (job === undefined || line["job"] === job));
  expect(
    lines().find(({ event, requestId }) => event === "http.request" && requestId === "request-1"),
  ).toMatchObject({ method: "POST", path: "/api/v1/runs", status: 201 });
  expect(about("run.log", "outer")).toMatchObject({ run, attempt: 1, correlation: "order-17" });
  const child = about("run.log", "inner")!;
  expect(child).toMatchObject({ attempt: 1, correlation: "order-17", fields: { attempt: 1 } });
  expect(child["run"]).not.toBe(run);
  expect(about("attempt.completed", "inner")).toMatchObject({
    run: child["run"],
    correlation: "order-17",
  });
  expect(about("attempt.suspended", "outer")).toMatchObject({ run, correlation: "order-17" });

  const rerun = (await ask(`/api/v1/runs/${run}/rerun`, {}, {})).body.id;
  await until("its rerun says whose it is, too", () => {
    return lines().some((line) => line["run"] === rerun && line["correlation"] === "order-17");
  });
  // Without one of the caller's, the id of the request ties what it causes together.
  const plain = await ask(
    "/api/v1/runs",
    { "x-request-id": "request-2" },
    { job: "inner", input: { url: bank.url } },
  );
  await until("its call carries the id of the request", () => {
    return bank.received.some(({ headers }) => headers["x-correlation-id"] === "request-2");
  });
  await until("its log has it, too", () => {
    return lines().some(
      (line) => line["run"] === plain.body.id && line["correlation"] === "request-2",
    );
  });
  for (const line of lines())
    expect(line["event"], JSON.stringify(line)).toMatch(/^[a-z_]+(\.[a-z_]+)?$/);
});
