import { Contender } from "./contender.ts";
import type { Options } from "./options.ts";
import type { Results } from "./results.ts";
import type { Servers } from "./servers.ts";
import type { SubjectSpec } from "./subjects.ts";
import type { Undo } from "./undo.ts";

/** Of runs in bulk, fewer would measure how a worker starts; a subject that is slow gets the fewest that say anything. */
const FEWEST_IN_BULK = 10_000;
const FEWEST = 100;
/** More only take time. */
const MOST = 100_000;

/** The first measurement says little of what a subject can do; each says more than the one before. */
const MAX_WARM_UPS = 4;

/** Has a contender do so many runs, and answers how many it did per second; `record` is false while warming up. */
type Measure = (contender: Contender, runs: number, record: boolean) => Promise<number>;

/** What every workload works with. */
export class Bench {
  readonly options: Options;
  readonly results: Results;
  readonly servers: Servers;
  readonly #undo: Undo;
  /** What failed, and where; a subject that fails in one workload takes part in the next. */
  readonly failures: string[] = [];

  constructor(options: Options, results: Results, servers: Servers, undo: Undo) {
    this.options = options;
    this.results = results;
    this.servers = servers;
    this.#undo = undo;
  }

  /** Subjects that can run here and that a workload is meant for. */
  subjects(fits: (spec: SubjectSpec) => boolean = () => true): SubjectSpec[] {
    return this.options.subjects.filter(
      (spec) => !this.servers.skipped.has(spec.name) && fits(spec),
    );
  }

  /** Opens one contender for each subject, all there at once so that their rounds can be interleaved. */
  async open(
    subjects: readonly SubjectSpec[],
    options?: { processes?: number; inputBytes?: number; steps?: number },
  ): Promise<Contender[]> {
    const contenders: Contender[] = [];
    for (const spec of subjects) {
      await this.attempt(spec.name, "opening", async () => {
        contenders.push(await Contender.open(spec, this.servers, this.#undo, options));
      });
    }
    return contenders;
  }

  /**
   * Measures contenders in turn, round by round, so that a machine that drifts drifts for all of them. Rounds to warm up come
   * first, until they have told how many runs each can do in the time that one measurement should take; then planner
   * statistics are as they would be in a database that has been at work for a while.
   *
   * @param options bulk: whether runs come and go in thousands
   */
  async rounds(
    workload: string,
    contenders: readonly Contender[],
    measure: Measure,
    { bulk = false } = {},
  ): Promise<void> {
    const { rounds } = this.options;
    const runs = new Map<Contender, number>();
    for (const contender of contenders) {
      await this.attempt(contender.name, workload, async () => {
        runs.set(contender, await this.#warmUp(contender, measure, bulk));
      });
    }
    progress(":");
    await this.servers.postgres.checkpoint();
    for (let round = 0; round < rounds; round++) {
      for (const contender of rotated([...runs.keys()], round)) {
        const ok = await this.attempt(contender.name, workload, () =>
          measure(contender, runs.get(contender)!, true),
        );
        if (!ok) runs.delete(contender);
      }
      progress(".");
    }
    await this.close(contenders);
  }

  /** Answers how many runs the contender can do in the time that one measurement should take. */
  async #warmUp(contender: Contender, measure: Measure, bulk: boolean): Promise<number> {
    const { seconds } = this.options;
    const fewest = bulk && !contender.spec.slow ? FEWEST_IN_BULK : FEWEST;
    let runs = fewest;
    for (let warmUp = 0; warmUp < MAX_WARM_UPS; warmUp++) {
      const perSecond = await measure(contender, runs, false);
      const took = runs / perSecond;
      const fitting = Math.round((perSecond * seconds) / 100) * 100;
      runs = Math.min(MOST, Math.max(fewest, fitting));
      if (contender.spec.store === "postgres") await this.servers.postgres.analyze(contender.url);
      if (took > 0.7 * seconds && warmUp > 0) break;
    }
    return runs;
  }

  async close(contenders: readonly Contender[]): Promise<void> {
    for (const contender of contenders) {
      await this.attempt(contender.name, "closing", () => contender.close());
    }
  }

  /** Answers whether it worked; what did not is reported at the end, and the others go on. */
  async attempt(subject: string, what: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.failures.push(`${subject}, ${what}: ${why}`);
      progress("!");
      return false;
    }
  }
}

function rotated<T>(all: readonly T[], by: number): T[] {
  const start = by % Math.max(1, all.length);
  return [...all.slice(start), ...all.slice(0, start)];
}

export function progress(text: string): void {
  process.stderr.write(text);
}
