import { inject } from "vitest";
import type { ServerName } from "./servers/desk.ts";

/**
 * The URL of a server for tests: PostgreSQL, Redis or RabbitMQ. It is shared by all tests of the run, and perhaps with
 * other programs: use names of your own in it, and take them away.
 *
 * @throws Error that says what is missing, when there is none and none can be started
 */
export async function testServer(name: ServerName): Promise<string> {
  const answer = await fetch(`${inject("serverDesk")}/${name}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}
