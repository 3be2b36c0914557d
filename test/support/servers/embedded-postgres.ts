import { join } from "node:path";
import type { RunningServer } from "./server-kind.ts";
import { makeServerPlace } from "./server-place.ts";

/** The PostgreSQL that `npm start` uses too, in a temporary place; for machines that have no other. */
export async function startEmbeddedPostgres(): Promise<RunningServer> {
  const { acquireEmbeddedPostgres } =
    await import("../../../packages/server/src/runtime/embedded/index.ts");
  const place = makeServerPlace("embedded-postgres");
  try {
    const server = await acquireEmbeddedPostgres({
      home: join(place.folder, "home"),
      report: () => {},
      settings: { max_connections: 200 },
    });
    const { host, port, user, password, database } = server.connection();
    const url = new URL(`postgresql://localhost:${port}/${database}`);
    url.username = user;
    if (password) url.password = password;
    // A host with slashes is the folder of a unix socket, and has no place in a URL but here.
    if (host.startsWith("/")) url.searchParams.set("host", host);
    else url.hostname = host;
    return {
      url: url.href,
      async stop() {
        await server.release();
        place.remove();
      },
    };
  } catch (error) {
    place.remove();
    throw error;
  }
}
