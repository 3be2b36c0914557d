import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createJiti } from "jiti";
import { expect, onTestFinished, test } from "vitest";
import { API_KEY, startApi } from "../support/api.ts";

const TSC = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");

/** Such as of the package, which is not installed when this is compiled. */
type Generate = (options: object) => Promise<void>;

/** A program of somebody who has nothing but the OpenAPI document. */
const PROGRAM = `
import { ApiError, type Run, type CreateRun, OpenAPI, RunsService } from "./client/index";

export async function ask(base: string, key: string) {
  OpenAPI.BASE = base;
  OpenAPI.TOKEN = key;
  const requestBody: CreateRun = { job: "greet", input: { name: "Ada" }, priority: 5 };
  const made = await RunsService.createRun({ requestBody, idempotencyKey: "generated-1" });
  const again = await RunsService.createRun({ requestBody, idempotencyKey: "generated-1" });
  const run: Run = await RunsService.getRun({ id: made.id });
  const { runs } = await RunsService.listRuns({ job: "greet", limit: 10 });
  // @ts-expect-error: there is no such field
  const wrong: CreateRun = { job: "greet", colour: "red" };
  const problem = await RunsService.createRun({ requestBody: wrong }).catch((error: unknown) =>
    error instanceof ApiError ? error.body : error,
  );
  return { same: made.id === again.id, state: run.state, runs: runs.length, problem };
}
`;

test("a generator that knows nothing but the OpenAPI document makes a client that compiles strictly, and works", async (context) => {
  const installed = await run(process.execPath, [join(import.meta.dirname, "install.mjs")]);
  if (installed.code !== 0) context.skip(`the generator is not there: ${installed.said}`);
  const { generate } = createRequire(import.meta.url)("openapi-typescript-codegen") as {
    generate: Generate;
  };
  const api = await startApi();
  const { body: input } = await api.call("/openapi.json", { key: null });
  const folder = mkdtempSync(join(tmpdir(), "millrace-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "client"));
  await generate({
    ...{ input, output: join(folder, "client"), httpClient: "fetch" },
    ...{ useOptions: true, useUnionTypes: true },
  });
  const program = join(folder, "program.ts");
  writeFileSync(program, PROGRAM);
  const checked = await run(process.execPath, [
    ...[TSC, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--module", "esnext"],
    ...["--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "--types", ""],
    program,
  ]);
  expect(checked).toEqual({ code: 0, said: "" });

  const { ask } = await createJiti(import.meta.url).import<{
    ask(base: string, key: string): Promise<object>;
  }>(program);
  expect(await ask(api.url, API_KEY)).toMatchObject({
    same: true,
    state: "queued",
    runs: 1,
    problem: { code: "invalid_request", pointer: "/colour" },
  });
});

function run(command: string, args: string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(command, args, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, said: `${stdout}${stderr}` });
    });
  });
}
