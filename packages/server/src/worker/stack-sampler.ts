import { type Profiler, Session } from "node:inspector";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { StackSample } from "@millrace/core/api";
import { inTime } from "../runtime/in-time.ts";
import { sampleOf, unanswered } from "./stack-sample.ts";

/** So long it is looked, and at this distance. */
const LOOK_MS = 1000;
const EVERY_US = 1000;

/** V8 answers between two turns of any loop of JavaScript; what takes longer is no JavaScript. */
const PATIENCE_MS = 5000;

/**
 * Sees from another thread what the main thread does, through the inspector: so it needs no event loop that turns. Meanwhile the main thread is some
 * percent slower, and compiles anew what it had made quick.
 */
export class StackSampler {
  readonly #folder: string | undefined;
  #session: Session | undefined;

  /** @param folder from which people know the files of the code */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Undefined while another look is under way. */
  async take(): Promise<Omit<StackSample, "at"> | undefined> {
    if (this.#session) return undefined;
    const session = new Session();
    this.#session = session;
    const since = performance.now();
    try {
      session.connectToMainThread();
      const profile = await profileOf(session);
      return sampleOf(profile, performance.now() - since, this.#folder);
    } catch {
      return unanswered(performance.now() - since);
    } finally {
      this.stop();
    }
  }

  /** Whoever disconnects lets the main thread be as it was. */
  stop(): void {
    this.#session?.disconnect();
    this.#session = undefined;
  }
}

async function profileOf(session: Session): Promise<Profiler.Profile> {
  const post = promisify(
    (method: string, params: object, done: (error: Error | null, answer?: object) => void) =>
      session.post(method, params, done),
  );
  const ask = (method: string, params: object = {}) =>
    inTime(PATIENCE_MS, method, post(`Profiler.${method}`, params));
  await ask("enable");
  await ask("setSamplingInterval", { interval: EVERY_US });
  await ask("start");
  // Code that was made quick before somebody looked does not tell which functions were put into which: this has V8 forget it, and make it anew.
  await ask("startPreciseCoverage", { callCount: true, detailed: false });
  await ask("stopPreciseCoverage");
  await pause(LOOK_MS);
  return ((await ask("stop")) as Profiler.StopReturnType).profile;
}
