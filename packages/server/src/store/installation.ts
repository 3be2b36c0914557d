import { statement } from "./statement.ts";

/** The id of this database, by which what it keeps elsewhere is told from what others keep there. */
export const readInstallation = statement<[], { id: string }>(
  "read_installation",
  `select id from millrace.installation`,
);

/** Which of these runs are there. */
export const runsThere = statement<[ids: string[]], { id: string }>(
  "runs_there",
  `select u.id from unnest($1::uuid[]) u(id) cross join lateral (select from millrace.run where id = u.id limit 1) r`,
);
