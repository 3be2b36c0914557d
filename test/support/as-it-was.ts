import { afterAll } from "vitest";

/** The files of tests that run in a process, one after the other, all begin with the same environment. */
const environment = { ...process.env };
const folder = process.cwd();

afterAll(() => {
  for (const name of Object.keys(process.env)) {
    if (!(name in environment)) delete process.env[name];
  }
  Object.assign(process.env, environment);
  if (process.cwd() !== folder) process.chdir(folder);
});
