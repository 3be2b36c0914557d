import type { SecretKeys } from "../../security/key-ring.ts";
import { inTime } from "../../runtime/in-time.ts";
import { Sparing } from "../../runtime/sparing.ts";
import type { Database } from "../../store/database.ts";
import { type Kept, checkDisk } from "./check-disk.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";
import { lookOver } from "./look-over.ts";

/** All that is looked at, within the time in which people wait for a page; what that does not reach is named. */
const WHOLE_MS = 2000;

/** What one part of the database, or this process, may take of it. */
const PART_MS = 700;

/** Whoever asks within this is told the same; after a look that took long, within ten times as long as it took. */
const FRESH_MS = 3000;

export interface DoctorOptions {
  db: Database;
  /** Where the database is, for people; empty where that is not said. */
  place: string;
  keys: SecretKeys;
  /** Folders of this machine in which something is kept. */
  kept: readonly Kept[];
  /** How the process does that answers, as it says at `/readyz`. */
  ready: () => Promise<{ ok: boolean; checks: Record<string, string> }>;
}

export interface Checkup {
  at: Date;
  tookMs: number;
  findings: Finding[];
}

/** Looks at the whole installation for whoever asks: one look at a time in this process, however many ask. */
export class Doctor {
  readonly #options: DoctorOptions;
  readonly #looks: Sparing<Checkup>;

  /** @param freshMs how long one look is the answer, at the least */
  constructor(options: DoctorOptions, freshMs = FRESH_MS) {
    this.#options = options;
    this.#looks = new Sparing(() => this.#look(), freshMs);
  }

  examine(): Promise<Checkup> {
    return this.#looks.read();
  }

  async #look(): Promise<Checkup> {
    const { db, place, keys, kept, ready } = this.#options;
    const at = new Date();
    const since = performance.now();
    const [database, disk, process] = await Promise.all([
      lookOver(db, { place, keys, partMs: PART_MS, wholeMs: WHOLE_MS }),
      inTime(PART_MS, "the disk", checkDisk(kept)).catch((error: Error) => [
        warn("disk", error.message, "see what the disk of this machine is busy with"),
      ]),
      inTime(PART_MS, "this process", ready()).then(checkProcess, (error: Error) => [
        warn("server", error.message, "look into its log"),
      ]),
    ]);
    const tookMs = performance.now() - since;
    return { at, tookMs, findings: [...database, ...disk, ...process] };
  }
}

/** What the process that answers says of itself: its parts, such as the transport. */
function checkProcess({
  ok: well,
  checks,
}: Awaited<ReturnType<DoctorOptions["ready"]>>): Finding[] {
  const ailing = Object.entries(checks).filter(([, words]) => words !== "ok");
  if (well && ailing.length === 0) {
    const parts = Object.keys(checks).join(", ");
    return [ok("server", `the process that answers accepts and starts runs (${parts})`)];
  }
  return ailing.map(([part, words]) => {
    // What a part that does its work says besides is worth a look.
    const level = well || /^ok\b/.test(words) ? warn : bad;
    return level("server", `${part} of the process that answers: ${words}`, "look into its log");
  });
}
