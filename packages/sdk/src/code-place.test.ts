import { expect, test } from "vitest";
import { z } from "zod";
import { callerOf } from "./code-place.ts";
import { defineJob } from "./define-job.ts";
import { defineFlow } from "./flow/define-flow.ts";

const here = () => callerOf(here);

test("a job knows the file and line where it is defined, and a flow where it begins", () => {
  const { file, line } = here()!;
  expect(file).toMatch(/code-place\.test\.ts$/);
  const job = defineJob({ name: "any", run: () => null });
  expect(job.definedIn).toEqual({ file, line: line + 2 });
  const flow = defineFlow({ name: "flow", input: z.object({}) })
    .node("first", () => 1)
    .node("second", () => 2);
  expect(flow.definedIn).toEqual({ file, line: line + 4 });
});

test("where no stack is kept, nobody knows, and nothing fails", () => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    expect(defineJob({ name: "any", run: () => null }).definedIn).toBeNull();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});
