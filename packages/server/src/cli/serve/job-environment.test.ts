import { expect, test } from "vitest";
import { jobEnvironment } from "./job-environment.ts";

test("a process that runs handlers gets what programs need and what was named, and no secret of ours", () => {
  const env = {
    PATH: "/bin",
    LC_ALL: "C",
    https_proxy: "http://proxy",
    DATABASE_URL: "postgres://me:hunter2@db/app",
    MILLRACE_API_KEY: "hunter2",
    PGPASSWORD: "hunter2",
    BANK_TOKEN: "for the job",
    OTHER_TOKEN: "for somebody else",
    PATHOLOGICAL: "no",
  };
  expect(jobEnvironment(env, ["BANK_TOKEN", "ABSENT"])).toEqual({
    PATH: "/bin",
    LC_ALL: "C",
    https_proxy: "http://proxy",
    BANK_TOKEN: "for the job",
  });
});
