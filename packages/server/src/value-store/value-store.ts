/**
 * Where large values of steps lie: texts, by their run and the SHA-256 of what they are. The same text may be put again at any time. What is
 * put is there for good when that has returned; who keeps a reference to it writes that afterwards, so that a crash in between leaves a text
 * that nobody refers to, and never a reference to nothing. Such a text goes with its run.
 */
export interface ValueStore {
  /** Where it is, for people; nothing secret. */
  readonly words: string;
  /** @throws MillraceError `value_store_failed` */
  put(run: string, sha256: string, text: string): Promise<void>;
  /**
   * @returns undefined when it is not there
   * @throws MillraceError `value_store_failed`
   */
  get(run: string, sha256: string): Promise<string | undefined>;
  /** Runs that have values, in parts, in any order; they may be removed on the way. @throws MillraceError `value_store_failed` */
  runs(): AsyncGenerator<readonly string[], void>;
  /** Removes all values of a run. */
  remove(run: string): Promise<void>;
  close(): void;
}

/** So many runs are in a part at the most, and as many objects go by one request. */
export const PART = 1000;

const RUN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export function isRunId(name: string): boolean {
  return RUN.test(name);
}

/** What names of folders and keys are made of is checked here, whoever says it. @throws Error */
export function requireKey(run: string, sha256?: string): void {
  if (isRunId(run) && (sha256 === undefined || SHA256.test(sha256))) return;
  throw new Error("not a run's id and the SHA-256 of a value");
}
