import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { OneServer } from "./one-server.ts";

const { cli } = OneServer.forThisFile();

async function inDoubt(): Promise<string> {
  const { stdout } = await cli("run", "doubtful", "--json");
  const { id } = JSON.parse(stdout) as { id: string };
  await until("it is in doubt", async () => (await cli("doubts")).stdout.includes(id));
  return id;
}

async function outputOf(id: string): Promise<unknown> {
  return await until("the run has completed", async () => {
    const { stdout } = await cli("run", "show", id, "--json");
    const { state, output } = JSON.parse(stdout) as { state: string; output: unknown };
    return state === "completed" && { output };
  });
}

test("an effect in doubt is listed with its key and its last error, and resolved both ways", async () => {
  const happened = await inDoubt();
  const { stdout: list } = await cli("doubts", "--job", "doubtful");
  expect(list).toMatch(/^RUN +JOB +EFFECT +FOR +TRIES +KEY +LAST ERROR$/m);
  expect(list).toMatch(
    new RegExp(
      `^${happened} +doubtful +charge +\\d+ s +1 +${happened}-[0-9a-f]{32} +Error: reset$`,
      "m",
    ),
  );
  expect((await cli("runs", "--job", "doubtful")).stdout).toContain(
    'in doubt whether effect "charge"',
  );
  const said = await cli(
    "doubts",
    "resolve",
    happened,
    "--happened",
    "--value",
    '{"n":1}',
    "--note",
    "seen",
  );
  expect(said).toMatchObject({ code: 0, stdout: "✓ charge happened; the run goes on\n" });
  expect(await outputOf(happened)).toEqual({ output: { n: 1 } });

  const didNot = await inDoubt();
  expect((await cli("doubts", "resolve", didNot, "charge", "--did-not-happen")).stdout).toBe(
    "✓ charge did not happen, and is done again; the run goes on\n",
  );
  expect(await outputOf(didNot)).toEqual({ output: { n: 3 } });
  expect(await cli("doubts")).toMatchObject({ code: 0, stdout: "", stderr: "No doubts.\n" });
});

test("an answer that is none, or comes too late, is refused with what to do", async () => {
  const id = await inDoubt();
  expect(await cli("doubts", "resolve", id)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--happened and --did-not-happen"),
  });
  expect(await cli("doubts", "resolve", id, "--did-not-happen", "--value", "1")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--value goes with --happened"),
  });
  expect(await cli("doubts", "resolve", id, "mail", "--happened")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("is not in doubt"),
  });
  await cli("cancel", id);
  expect(await cli("doubts", "resolve", id, "--happened")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cancelled already"),
  });
});
