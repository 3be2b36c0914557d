import { expect, test } from "vitest";
import { commandIn } from "./command-in.ts";

test.each([
  ["millrace migrate", "millrace migrate"],
  ["start a server, which makes them: millrace start", "millrace start"],
  ["millrace start, or a process for each role", "millrace start"],
  ["end it: select pg_terminate_backend(12)", "select pg_terminate_backend(12)"],
  [
    "alter system set fsync = on; select pg_reload_conf()",
    "alter system set fsync = on; select pg_reload_conf()",
  ],
  ["millrace explain 01; start a worker with the code of before", "millrace explain 01"],
  ["millrace worker --jobs … --queues mail", "millrace worker --jobs … --queues mail"],
  ["add workers, or raise MILLRACE_CONCURRENCY", undefined],
])("of the fix %j the command is told from the words", (fix, command) => {
  expect(commandIn(fix)).toBe(command);
});
