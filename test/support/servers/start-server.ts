import { Child } from "../child-process.ts";
import { until } from "../until.ts";
import type { RunningServer } from "./server-kind.ts";
import type { ServerPlace } from "./server-place.ts";

interface Start {
  place: ServerPlace;
  program: string;
  args: string[];
  env?: Record<string, string>;
  url: string;
  greet(url: string): Promise<string>;
  /** What asks this program for a quick and clean end. */
  stopBy: NodeJS.Signals;
}

/**
 * Starts a server program and waits until it greets.
 *
 * @throws Error with its output, when it ends by itself or does not greet within 90 s; then nothing of it is left
 */
export async function startServer(start: Start): Promise<RunningServer> {
  const { place, program, url } = start;
  const server = await Child.start(program, start.args, {
    cwd: place.folder,
    ...place.account,
    env: start.env ?? {},
    // A group of its own: Ctrl-C in the terminal must not stop it before the tests have ended.
    group: true,
  });
  try {
    await until(`${program} answers`, async () => server.exit ?? (await start.greet(url)), {
      deadlineMs: 90_000,
    });
    if (server.exit) throw new Error(`${program} ended by itself`);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw new Error(`${String(error)}; its output:\n${server.output}`, { cause: error });
  }
  return {
    url,
    async stop() {
      server.killGroup(start.stopBy);
      await server.exited;
      place.remove();
    },
  };
}
