import { expect, test } from "vitest";
import { startEmbeddedPostgres } from "./servers/embedded-postgres.ts";
import { findOrStart } from "./servers/find-or-start.ts";
import { SERVER_KINDS, type ServerName } from "./servers/desk.ts";
import type { ServerKind } from "./servers/server-kind.ts";
import { testServer } from "./test-server.ts";

const GREETINGS: Record<ServerName, RegExp> = {
  postgres: /^1[5-9]\./,
  redis: /^PONG$/,
  rabbitmq: /^Connection\.Tune$/,
};

for (const [name, greeting] of Object.entries(GREETINGS) as [ServerName, RegExp][]) {
  const kind: ServerKind = SERVER_KINDS[name];

  test(`the ${kind.name} of this run greets`, { timeout: 180_000 }, async () => {
    const url = await testServer(name);
    expect(await kind.greet(url)).toMatch(greeting);
  });

  test(
    `a ${kind.name} is started where none runs, and stopped for good`,
    {
      timeout: 180_000,
    },
    async ({ skip }) => {
      const server = await findOrStart(nowhere(kind), silently, never).catch((error: unknown) =>
        skip(`not installed here: ${String(error)}`),
      );
      expect(await kind.greet(server.url)).toMatch(greeting);
      await server.stop();
      await expect(kind.greet(server.url)).rejects.toThrow("ECONNREFUSED");
    },
  );
}

test("the embedded PostgreSQL serves where no other is", { timeout: 180_000 }, async () => {
  const server = await startEmbeddedPostgres();
  expect(await SERVER_KINDS.postgres.greet(server.url)).toMatch(/^18\./);
  await server.stop();
  await expect(SERVER_KINDS.postgres.greet(server.url)).rejects.toThrow("ENOENT");
});

test("a server that is missing is named in one line, with the way out", async () => {
  const missing: ServerKind = { ...nowhere(SERVER_KINDS.redis), start: async () => undefined };
  await expect(findOrStart(missing, silently, never)).rejects.toThrow(
    /^tests need Redis, and none runs or is installed here: install redis-server, or set \w+ to .+$/,
  );
});

const silently = () => {};
const never = async () => false;

/** As on a machine where none of this kind runs, and none is named. */
function nowhere(kind: ServerKind): ServerKind {
  return { ...kind, setting: "MILLRACE_TEST_NONE_SUCH", usualUrls: () => [] };
}
