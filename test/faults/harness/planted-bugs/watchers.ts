import type { PlantedBug } from "./planted-bug.ts";

const FENCE_TESTS = "test/engine/fence.test.ts";

/** Bugs of those who look after workers and connections. */
export const WATCHER_BUGS: readonly PlantedBug[] = [
  {
    bug: "the heartbeat goes through the event loop that handlers block",
    edits: [
      {
        file: "worker/heartbeat.ts",
        find: "      if (!this.#stopping) onReport(report);\n",
        replace: `      if (report === ("loop?" as never)) port.postMessage("loop!");
      else if (!this.#stopping) onReport(report);\n`,
      },
      {
        file: "worker/heartbeat-thread.ts",
        find: "    const [row] = await beat(",
        replace: `    await new Promise((resolve) => {
      port.once("message", resolve);
      port.postMessage("loop?");
    });
    const [row] = await beat(`,
      },
      {
        file: "worker/heartbeat-thread.ts",
        find: "    } else {\n      config = command.connection;",
        replace:
          '    } else if (command !== ("loop!" as never)) {\n      config = command.connection;',
      },
    ],
    caughtBy: {
      file: "test/faults/zombie.test.ts",
      test: "a worker whose event loop is blocked for longer than its lease is not taken for dead",
    },
  },
  {
    bug: "the pool keeps a client whose connection went silent in a transaction",
    edits: [
      {
        file: "store/database.ts",
        find: "client.release(!(await rolledBack(client)));",
        replace: "client.release((await rolledBack(client)) && false);",
      },
    ],
    caughtBy: {
      file: "test/faults/half-open.test.ts",
      test: "a transaction whose connection went silent leaves no client behind for the next to hang on",
    },
  },
  {
    bug: "the reaper counts time in which it did not look",
    edits: [
      {
        file: "maintenance/reaper.ts",
        find: "Math.min(now - this.#sweptAt, 2 * this.#sweepMs)",
        replace: "now - this.#sweptAt",
      },
    ],
    caughtBy: {
      file: "test/faults/outage.test.ts",
      test: "time in which a reaper could not look does not count against a worker",
    },
  },
  {
    bug: "a worker is declared lost although it has beaten meanwhile",
    edits: [
      {
        file: "store/workers.ts",
        find: "where id = $1 and beat = $2 and state in ('active', 'draining') returning id",
        replace:
          "where id = $1 and $2::bigint >= 0 and state in ('active', 'draining') returning id",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot keep itself alive: a worker that was declared lost gets no more beats",
    },
  },
];
