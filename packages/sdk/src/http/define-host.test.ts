import { expect, test } from "vitest";
import { defineJob } from "../define-job.ts";
import { type HostOptions, defineHost } from "./define-host.ts";

const url = "https://api.crm.example";

test("what a host's definition does not say has a default, and what it says wrongly is refused by its name", () => {
  expect(defineHost({ url: "HTTPS://api.CRM.example:443/" })).toMatchObject({
    url,
    policy: { concurrency: 20, timeoutMs: 30_000, retry: { maxAttempts: 3 }, rate: null },
  });
  expect(
    defineHost({ url, rateLimit: { limit: 5, per: "1s" }, retry: false, breaker: false }).policy,
  ).toMatchObject({ rate: { limit: 5, perMs: 1000 }, retry: { maxAttempts: 1 }, breaker: null });
  const wrong: [Record<string, unknown>, string][] = [
    [{ url: "api.crm.example" }, "is no URL"],
    [{ url: `${url}/v1` }, "has more than that"],
    [{ url: "https://ada:pw@api.crm.example" }, "has more than that"],
    [{ url: "ftp://api.crm.example" }, "has more than that"],
    [{ url, concurrency: 0 }, "concurrency: 0 is not a whole number"],
    [{ url, rateLimit: { limit: 0, per: "1s" } }, "rateLimit.limit"],
    [{ url, rateLimit: { limit: 1, per: "1s", key: "x" } }, "rateLimit.key is not an option"],
    [{ url, timeout: "soon" }, "timeout"],
    [{ url, retry: { tries: 3 } }, "retry.tries is not an option"],
    [{ url, breaker: { failures: 0 } }, "breaker.failures"],
    [{ url, rate: 3 }, "rate is not an option"],
  ];
  for (const [options, message] of wrong) {
    expect(() => defineHost(options as unknown as HostOptions), message).toThrow(
      expect.objectContaining({
        code: "invalid_host",
        message: expect.stringContaining(message) as string,
      }),
    );
  }
});

test("a job names its hosts by URLs or definitions, each once", () => {
  const crm = defineHost({ url, concurrency: 2 });
  const job = defineJob({
    name: "j",
    hosts: [crm, "http://inventory.internal:8080"],
    run: () => 1,
  });
  expect(job.hosts.map((host) => host.url)).toEqual([url, "http://inventory.internal:8080"]);
  expect(() => defineJob({ name: "j", hosts: [crm, `${url}/`], run: () => 1 })).toThrow(
    "named twice",
  );
  expect(() => defineJob({ name: "j", hosts: url as never, run: () => 1 })).toThrow(
    "must be a list",
  );
  expect(() => defineJob({ name: "j", hosts: [{ url } as never], run: () => 1 })).toThrow(
    "defineHost",
  );
});
