// Before any test. In a process of vitest that has run tests for some seconds, Node resolves what it has not met before by the link in node_modules
// and not by its real path (seen with Node 20.20, cause not found; no other process does): then it is there twice, with classes that are not the same.
// oxlint-disable-next-line import/no-unassigned-import -- it is to be met, and nothing of it is used.
import "millrace";
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
