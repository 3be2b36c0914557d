import path from "node:path";
import { expect, test } from "vitest";
import { placeInWords } from "./place-in-words.ts";

const app = path.resolve("/srv/app");

test.each([
  ["/srv/app/src/jobs/contact.ts", app, "src/jobs/contact.ts:18"],
  ["/srv/app/node_modules/pg/lib/client.js", app, "node_modules/pg/lib/client.js:18"],
  ["/home/ada/secret-project/lib/jobs.ts", app, "…/lib/jobs.ts:18"],
  ["/srv/application/jobs.ts", app, "…/application/jobs.ts:18"],
  ["/home/ada/app/jobs.ts", undefined, "…/app/jobs.ts:18"],
])("%s seen from %s is %s", (file, folder, words) => {
  expect(placeInWords(path.resolve(file), 18, folder)).toBe(words);
});
