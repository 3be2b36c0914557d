import type { FollowLog } from "@millrace/core/api";
import { openRows } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { groupBy } from "../runtime/group-by.ts";
import type { Database } from "../store/database.ts";
import { type LogRow, type TailRow, readTails } from "../store/run-log.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { EventStream } from "./event-stream.ts";
import { isWanted } from "./log-filter.ts";
import { presentLogLine } from "./present/run.ts";

/** How long what was logged waits at the most until somebody looks. */
const LOOK_EVERY_MS = 500;

/** Lines that one look answers. Each may have 16 KiB. */
const MAX_LINES = 2000;

/** Of one log: a long one does not keep the others waiting. */
const MAX_OF_ONE = 500;

/** Places that one look asks for; the others have their turn in the next. */
const MAX_PLACES = 100;

interface Follower {
  readonly stream: EventStream;
  readonly run: string;
  readonly wanted: FollowLog;
  /** The last line that it was told, or that it does not want. */
  after: number;
}

/** What is asked of the database for all who are as far. */
interface Place {
  readonly run: string;
  readonly after: number;
  readonly followers: Follower[];
}

/**
 * Tells followers what runs log: by one query for all of them, every half second, and without a rest while there is more. What was said
 * before they came is told in the same way as what comes, from wherever they are, so that there is no seam between the two. Whoever reads slowly
 * is left out until there is room, and loses nothing.
 */
export class LogTails {
  readonly #db: Database;
  readonly #subjects: Subjects;
  readonly #logger: Logger;
  readonly #followers = new Set<Follower>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  /** The first place of the next look, when there are more than one look takes. */
  #turn = 0;

  constructor(db: Database, subjects: Subjects, logger: Logger) {
    this.#db = db;
    this.#subjects = subjects;
    this.#logger = logger;
  }

  /** From `wanted.after` on, until the run has ended, or the stream. */
  follow(stream: EventStream, run: string, wanted: FollowLog): void {
    const follower = { stream, run, wanted, after: wanted.after };
    this.#followers.add(follower);
    stream.ended.addEventListener("abort", () => this.#followers.delete(follower), { once: true });
    if (stream.reason) this.#followers.delete(follower);
    this.#soon(0);
  }

  #soon(ms: number): void {
    if (this.#looking) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    let more = false;
    try {
      more = await this.#tellAll();
    } catch (error) {
      this.#logger.warn(
        { event: "run.log_unread", err: error },
        "logs of runs could not be read for those who follow them",
      );
    }
    this.#looking = false;
    if (this.#followers.size > 0) this.#soon(more ? 0 : LOOK_EVERY_MS);
  }

  /** @returns whether there is more already */
  async #tellAll(): Promise<boolean> {
    const all = placesOf([...this.#followers].filter(({ stream }) => stream.hasRoom));
    if (all.length === 0) return false;
    const places = all.length <= MAX_PLACES ? all : takeFrom(all, (this.#turn += MAX_PLACES));
    const limit = Math.min(MAX_OF_ONE, Math.floor(MAX_LINES / places.length));
    const rows = await readTails(
      this.#db,
      places.map(({ run }) => run),
      places.map(({ after }) => after),
      limit,
    );
    const opened = await openRows(this.#subjects, rows);
    const found = groupBy(opened, (row) => keyOf(row.run_id, row.after));
    let more = all.length > places.length;
    for (const place of places) {
      const told = found.get(keyOf(place.run, place.after)) ?? [];
      const full = told.length === limit && told[0]!.seq !== null;
      tell(place, told, full);
      more ||= full;
    }
    return more;
  }
}

function tell({ followers }: Place, rows: readonly TailRow[], full: boolean): void {
  const lines = rows
    .filter(isLine)
    .map(({ run_id: _, after: _after, state: _state, there: _there, ...line }) =>
      presentLogLine(line),
    );
  const [first] = rows;
  for (const follower of followers) {
    const { stream, wanted } = follower;
    for (const line of lines) {
      follower.after = line.seq;
      if (isWanted(line, wanted)) {
        stream.send({ id: String(line.seq), event: "line", data: line });
      }
    }
    if (full || !first) continue;
    if (!first.there) stream.end({ state: null });
    else if (first.state !== null) stream.end({ state: first.state });
  }
}

function isLine(row: TailRow): row is TailRow & LogRow {
  return row.seq !== null;
}

function placesOf(followers: readonly Follower[]): Place[] {
  const groups = groupBy(followers, ({ run, after }) => keyOf(run, after));
  return [...groups.values()].map((group) => ({
    run: group[0]!.run,
    after: group[0]!.after,
    followers: group,
  }));
}

function takeFrom(places: readonly Place[], first: number): Place[] {
  const from = first % places.length;
  return [...places.slice(from), ...places.slice(0, from)].slice(0, MAX_PLACES);
}

function keyOf(run: string, after: number): string {
  return `${run} ${after}`;
}
