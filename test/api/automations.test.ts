import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";

test("an automation is accepted with 202, and looked at as its row", async () => {
  const api = await startApi();
  const posted = await api.call("/automations", {
    json: { job_type: "greet", payload: { name: "Ada" } },
    headers: { "x-correlation-id": "order-4711" },
  });
  expect(posted.status).toBe(202);
  expect(posted.body).toEqual({ task_id: expect.any(String), status: "queued" });
  const id = posted.body.task_id;
  expect(posted.headers.get("location")).toBe(`/automations/${id}`);

  const { status, body } = await api.call(`/automations/${id}`);
  expect(status).toBe(200);
  expect(body).toEqual({
    id,
    job_type: "greet",
    status: "queued",
    payload: { name: "Ada" },
    result: null,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    started_at: null,
    completed_at: null,
    retry_count: 0,
    error_message: null,
  });
  expect((await api.call(`/api/v1/runs/${id}`)).body.correlationId).toBe("order-4711");
});

test("an unsupported job type is 400, as is whatever else is not the contract", async () => {
  const api = await startApi();
  const refused = async (json: unknown) => {
    const { status, body } = await api.call("/automations", { json });
    expect(status).toBe(400);
    return [body.code, body.pointer];
  };
  expect(await refused({ job_type: "unheard-of", payload: {} })).toEqual([
    "unknown_job",
    "/job_type",
  ]);
  expect(await refused({ job_type: "No name!", payload: {} })).toEqual([
    "invalid_request",
    "/job_type",
  ]);
  expect(await refused({ job_type: "greet", payload: { name: 1 } })).toEqual([
    "invalid_input",
    "/payload/name",
  ]);
  expect(await refused({ job_type: "greet" })).toEqual(["invalid_request", "/payload"]);
  expect(await refused({ job_type: "greet", payload: {}, priority: 1 })).toEqual([
    "invalid_request",
    "/priority",
  ]);
  expect(await refused([])).toEqual(["invalid_request", ""]);
  expect((await api.call("/automations/01934f6e-7c00-7000-9d3a-5f0e3c1b2a49")).body).toMatchObject({
    status: 404,
    code: "run_not_found",
  });
  expect((await api.call("/automations/7")).body).toMatchObject({
    status: 400,
    detail: expect.stringContaining("path parameter task_id"),
  });
});

test("a repeated post with the same Idempotency-Key is the same automation", async () => {
  const api = await startApi();
  const post = () =>
    api.call("/automations", {
      json: { job_type: "greet", payload: { name: "Ada" } },
      headers: { "idempotency-key": "post-1" },
    });
  const [one, two] = [await post(), await post()];
  expect(two.status).toBe(202);
  expect(two.body).toEqual(one.body);
});
