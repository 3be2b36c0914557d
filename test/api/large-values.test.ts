import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readStoredValue, storedValueText } from "@millrace/core";
import { expect, onTestFinished, test } from "vitest";
import { openValueStore } from "../../packages/server/src/value-store/open-value-store.ts";
import { sha256Of } from "../../packages/server/src/value-store/stored-values.ts";
import { startApi } from "../support/api.ts";

const VALUE = JSON.stringify("x".repeat(200_000));
const REFERENCE = storedValueText({ bytes: VALUE.length, sha256: sha256Of(VALUE) });

async function folder() {
  const root = mkdtempSync(join(tmpdir(), "millrace-values-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return openValueStore(pathToFileURL(root).href, "5b0a1a4e-6f0c-4f6e-9d55-0d6f4a0f7a11");
}

/** A run with a large value, of which the API knows the store, or does not. */
async function stored({ known }: { known: boolean }) {
  const values = await folder();
  const api = await startApi(known ? { values } : {});
  const { body } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const id = (body as { id: string }).id;
  await values.put(id, sha256Of(VALUE), VALUE);
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
     values ($1, 'extract', 1, 'step', 1, 1, now(), now(), $2), ($1, 'load', 1, 'step', 2, 1, now(), now(), '1')`,
    [id, REFERENCE],
  );
  const fork = () => api.call(`/api/v1/runs/${id}/fork`, { json: { step: "load" } });
  return { api, values, id, fork };
}

test("a fork has the large values that it takes over below itself", async () => {
  const { api, values, id, fork } = await stored({ known: true });
  const { status, body } = await fork();
  expect({ status, body }).toMatchObject({ status: 201, body: { steps: 1 } });
  // Whatever becomes of the other run.
  await values.remove(id);
  const record = await api.call(`/api/v1/runs/${body.id}/record?stored=true`);
  expect(record.body.checkpoints).toMatchObject([{ name: "extract", value: VALUE }]);
});

test("a fork whose large values are not to be had is not made", async () => {
  const { api, values, id, fork } = await stored({ known: true });
  await values.remove(id);
  expect(await fork()).toMatchObject({ status: 500, body: { code: "stored_value_lost" } });
  expect((await api.call("/api/v1/runs")).body.runs).toHaveLength(1);
});

test("a server that does not know the store forks no such run, and says what it needs", async () => {
  const { api, id, fork } = await stored({ known: false });
  expect(await fork()).toMatchObject({
    status: 400,
    body: { code: "invalid_request", detail: expect.stringContaining("MILLRACE_VALUE_STORE") },
  });
  expect(await api.call(`/api/v1/runs/${id}/record?stored=true`)).toMatchObject({
    status: 500,
    body: { code: "stored_value_lost" },
  });
});

test("the record of a run has references to large values unless they are asked for", async () => {
  const { api, id } = await stored({ known: true });
  const { body } = await api.call(`/api/v1/runs/${id}/record`);
  expect(readStoredValue(body.checkpoints[0].value)).toMatchObject({ bytes: VALUE.length });
  expect((await api.call(`/api/v1/runs/${id}/record?stored=maybe`)).status).toBe(400);
});
