import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "../support/api.ts";
import { Child } from "../support/child-process.ts";
import { addressOf, newHome } from "../support/millrace.ts";
import { Failpoints } from "./harness/failpoints.ts";

const MAIN = join(import.meta.dirname, "../../packages/server/bin/millrace.mjs");
const REPORT_FAILPOINTS = pathToFileURL(join(import.meta.dirname, "harness/report-failpoints.mjs"));
const KEY = "mr_the-key-of-the-one-that-is-killed";

test("F24: what an API made that was killed before it answered is answered by the next, and not made again", async () => {
  const heir = await startApi();
  const api = await Child.start(
    process.execPath,
    ["--import", REPORT_FAILPOINTS.href, MAIN, "api", "--port", "0"],
    {
      pipes: 2,
      env: {
        DATABASE_URL: heir.databaseUrl,
        MILLRACE_HOME: newHome(),
        MILLRACE_API_KEY: KEY,
      },
    },
  );
  onTestFinished(() => api[Symbol.asyncDispose]());
  const failpoints = new Failpoints(api.pipes);
  const address = await addressOf(api);
  const json = { name: "nightly", job: "nothing", cron: "0 3 * * *" };
  const headers = { "idempotency-key": "once" };

  const held = failpoints.hold("reply.after_commit");
  const asked = fetch(`${address}/api/v1/schedules`, {
    method: "POST",
    body: JSON.stringify(json),
    headers: { ...headers, authorization: `Bearer ${KEY}`, "content-type": "application/json" },
  }).then(
    () => "answered",
    () => "no answer",
  );
  await held;
  api.kill("SIGKILL");
  expect(await asked).toBe("no answer");

  const again = await heir.call("/api/v1/schedules", { json, headers });
  expect([again.status, again.body.name]).toEqual([201, "nightly"]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(again.body).toEqual((await heir.call("/api/v1/schedules/nightly")).body);
});
