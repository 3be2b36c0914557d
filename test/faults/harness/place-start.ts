import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PLACE = new URL(
  "../../../packages/server/dist/worker/isolation/isolated-process.js",
  import.meta.url,
);

/** How many milliseconds it takes on this machine until a process of its own is there for a run; the median of five, one after the other. */
export async function placeStartMs(): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < 5; n++) {
    const startedAt = performance.now();
    const place = fork(fileURLToPath(PLACE), [], {
      stdio: ["ignore", "ignore", "ignore", "ipc", "pipe"],
    });
    await once(place, "message");
    took.push(performance.now() - startedAt);
    const gone = once(place, "exit");
    place.kill("SIGKILL");
    await gone;
  }
  return took.sort((one, other) => one - other)[2]!;
}
