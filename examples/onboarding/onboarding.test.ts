import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testKit } from "millrace/testing";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { activated, projectMade, surveyAnswered } from "./events.ts";
import { onboarding } from "./job.ts";
import { MAILS } from "./mails.ts";

const SERVER = process.env.MILLRACE_TEST_PG_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";
const ADA = { account: "ada", email: "ada@example.com" };

let out: string;

beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "millrace-onboarding-"));
  process.env.ONBOARDING_OUT = out;
});

afterEach(async () => {
  delete process.env.ONBOARDING_OUT;
  await rm(out, { recursive: true, force: true });
});

async function kit() {
  const t = await testKit({ onboarding }, { databaseUrl: SERVER });
  onTestFinished(() => t[Symbol.asyncDispose]());
  return t;
}

/** The templates of the mails that are in the outbox, by their names. What a worker that was to die is still writing is none yet. */
async function mails(): Promise<string[]> {
  const files = (await readdir(out)).filter((file) => file.endsWith(".eml"));
  const texts = await Promise.all(files.map((file) => readFile(join(out, file), "utf8")));
  const subjects = texts.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1]);
  return Object.entries(MAILS).flatMap(([name, { subject }]) =>
    subjects.filter((each) => each === subject).map(() => name),
  );
}

test("who activates, makes a project and answers is accompanied through the month", async () => {
  const t = await kit();
  const { id } = await t.run(onboarding, ADA);
  expect(await mails()).toEqual(["welcome"]);
  await t.advance("2d");
  await t.emit(activated, { account: "ada" });
  expect(await mails()).toEqual(["welcome", "tips"]);
  // While the run sleeps: it counts all the same.
  await t.emit(projectMade, { account: "ada", project: "house" });
  await t.advance("7d");
  expect(await mails()).toEqual(["welcome", "tips", "congratulations"]);
  expect((await t.find(id)).published).toEqual({ stage: "at work" });
  await t.advance("14d");
  await t.emit(surveyAnswered, { account: "ada", score: 9 });
  expect(await t.find(id)).toMatchObject({
    state: "completed",
    output: { account: "ada", activated: true, project: "house", score: 9 },
  });
  expect(await mails()).toEqual(["welcome", "tips", "congratulations", "survey", "thanks"]);
});

test("who never shows up is reminded, asked after a month, and left alone", async () => {
  const t = await kit();
  const { id } = await t.run(onboarding, ADA);
  const began = await t.now();
  await t.emit(activated, { account: "bob" });
  await t.advance("39d");
  expect(await t.find(id)).toMatchObject({
    state: "completed",
    output: { activated: false, project: null, score: null },
  });
  expect(await mails()).toEqual(["welcome", "reminder", "first-project", "survey"]);
  expect((await t.now()).getTime() - began.getTime()).toBeGreaterThanOrEqual(38 * 86_400_000);
});

test("whatever crashes in the month, each mail is sent once", async () => {
  const t = await kit();
  const crashes = await t.crashAtEveryStep(onboarding, ADA, {
    reset: async () => {
      for (const file of await readdir(out)) await rm(join(out, file), { force: true });
    },
    effects: mails,
    drive: async () => {
      await t.emit(activated, { account: "ada" });
      await t.emit(projectMade, { account: "ada", project: "house" });
      await t.advance("22d");
      await t.emit(surveyAnswered, { account: "ada", score: 3 });
    },
  });
  expect(crashes).toBeGreaterThan(40);
}, 120_000);

test("who leaves gets no more mails: the run is cancelled", async () => {
  const t = await kit();
  const { id } = await t.run(onboarding, ADA);
  await t.cancel(id);
  await t.advance("39d");
  expect((await t.find(id)).state).toBe("cancelled");
  expect(await mails()).toEqual(["welcome"]);
});
