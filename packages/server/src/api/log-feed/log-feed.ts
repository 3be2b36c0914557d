import { setTimeout as pause } from "node:timers/promises";
import { MillraceError, type Projects } from "@millrace/core";
import type { LostLines } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import type { LineQuery } from "../../engine/search/line-query.ts";
import { type NewLines, matchNewLines } from "../../engine/search/match-new-lines.ts";
import type { Subjects } from "../../engine/subjects/subjects.ts";
import { groupBy } from "../../runtime/group-by.ts";
import {
  type Database,
  LIST_MS,
  bounded,
  isUnavailable,
  withinTime,
} from "../../store/database.ts";
import { type SnapshotRow, readNewLines, readSnapshot } from "../../store/log-notes.ts";
import type { Queryable } from "../../store/statement.ts";
import { Gauge, Histogram, type Registry } from "../../telemetry/metrics.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { EventStream } from "../event-stream.ts";
import { toMillraceError } from "../problem.ts";
import { instant } from "../present/instant.ts";
import { presentRunLine } from "../present/run.ts";
import { LineReader, type SizedLine } from "./line-reader.ts";
import { isBeyond, writePosition } from "./position.ts";

const LOOK_EVERY_MS = 1000;

/** Looks that take long are made the less often: all of them take no more than this share of one connection's time. */
const MOST_SHARE = 0.1;
const SLOWEST_LOOK_MS = 15_000;

/** Lines that a look reads, about; of those that are said faster only the newest are told, and how many the others are. */
const MAX_LINES = 5000;

/** Notes that a look reads: each tells of one statement of a worker. */
const MAX_NOTES = 10_000;

/** Positions, and questions at each of them, that one look asks the database about; the others have their turn in the next, and lose nothing. */
const MAX_POSITIONS = 20;
const MAX_QUESTIONS = 50;

/** Whoever comes back later is told that something may be missing. Notes are kept for twice as long. */
const BACK_WITHIN_MS = 5 * 60_000;

/** A position is told so often, also when nothing is said, so that who is quiet for long can come back. */
const POSITION_EVERY_MS = 10_000;

export interface LogFeedOptions {
  db: Database;
  subjects: Subjects;
  logger: Logger;
  metrics: Registry;
}

interface Follower {
  readonly reader: LineReader;
  readonly stream: EventStream;
  /** What they may see is looked at anew with each look: it may have changed. */
  readonly request: FastifyRequest;
  /** As it was asked: who asks the same, of the same projects, shares the answer. */
  readonly text: string;
  readonly query: LineQuery;
  position: SnapshotRow;
  /** Whether the position is as somebody gave it, and not as this process has read it: then what it says holds for who gave it alone. */
  given: boolean;
  toldAt: number;
}

/** Where somebody begins. */
export interface Beginning {
  readonly position: SnapshotRow;
  readonly given: boolean;
}

interface Question {
  readonly query: LineQuery;
  readonly projects: Projects;
  readonly followers: Follower[];
}

/** What became of a look for those who are at one position. */
interface New {
  readonly since: SnapshotRow;
  readonly now: SnapshotRow;
  readonly lines: readonly NewLines[];
  /** Why some are not among them. */
  readonly lost: Pick<LostLines, "lines" | "why"> | undefined;
}

/**
 * Tells followers what runs log that match: by one look a second in this process, whoever they are, and none while nobody follows. Where a follower is, is a
 * snapshot of the database's: what is seen now and was not then is new, however late its transaction was committed. So nothing is told twice by one stream,
 * nothing is missed without a word, and a server that came up a moment ago goes on where another one ended.
 */
export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #followers = new Set<Follower>();
  readonly #durations: Histogram;
  #looking = false;
  #tookMs = 0;
  /** Wakes the look that rests, when somebody comes. */
  #wake = new AbortController();
  #turn = 0;

  constructor(options: LogFeedOptions) {
    this.#options = options;
    const registers = [options.metrics];
    const followers: Gauge = new Gauge({
      name: "millrace_log_followers",
      help: "Who follows the logs of many runs on this process",
      registers,
      collect: () => followers.set({}, this.#followers.size),
    });
    this.#durations = new Histogram({
      name: "millrace_log_look_duration_seconds",
      help: "Time that the looks at the database took that are made for all who follow the logs of many runs",
      registers,
    });
  }

  /** Where who follows from now on begins. @throws what is thrown while the database is away */
  async now(): Promise<Beginning> {
    const [row] = await bounded(this.#options.db, readSnapshot);
    return { position: row!, given: false };
  }

  /** Until the stream ends. */
  follow(
    stream: EventStream,
    request: FastifyRequest,
    text: string,
    query: LineQuery,
    beginning: Beginning,
  ): void {
    const reader = new LineReader(stream);
    const follower = { reader, stream, request, text, query, ...beginning, toldAt: -Infinity };
    this.#followers.add(follower);
    stream.ended.addEventListener("abort", () => this.#followers.delete(follower), { once: true });
    if (stream.reason) this.#followers.delete(follower);
    this.#wake.abort();
    if (!this.#looking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#looking = true;
    this.#tookMs = 0;
    while (this.#followers.size > 0) {
      const startedAt = performance.now();
      try {
        await this.#look();
      } catch (error) {
        // Nobody's position has changed: the next look has all that this one would have had.
        this.#options.logger.warn(
          { event: "run.log_unread", err: error },
          "logs of runs could not be read for those who follow them",
        );
      }
      const tookMs = performance.now() - startedAt;
      this.#durations.observe({}, tookMs / 1000);
      this.#tookMs = 0.8 * this.#tookMs + 0.2 * tookMs;
      await this.#rest(tookMs);
    }
    this.#looking = false;
    // Somebody may have come while this was about to end.
    if (this.#followers.size > 0) void this.#run();
  }

  /** Whoever comes is told where they are at once, unless that would be more looks than they may be. */
  async #rest(tookMs: number): Promise<void> {
    const restMs = Math.min(SLOWEST_LOOK_MS, Math.max(LOOK_EVERY_MS, this.#tookMs / MOST_SHARE));
    this.#wake = new AbortController();
    const least = Math.min(restMs, tookMs / MOST_SHARE);
    await pause(least, undefined, { ref: false });
    const { signal } = this.#wake;
    await pause(Math.max(0, restMs - tookMs - least), undefined, { ref: false, signal }).catch(
      () => {},
    );
  }

  async #look(): Promise<void> {
    const places = [...groupBy(this.#followers, placeOf).values()];
    const looked = turned(places, this.#turn).slice(0, MAX_POSITIONS);
    // All see the same, and so are at one place from now on: each by itself would stay where it is alone for as long as anybody writes anything.
    const all = await withinTime(this.#options.db, LIST_MS, async (tx) => {
      const read: New[] = [];
      for (const followers of looked) read.push(await this.#readNew(tx, latestOf(followers)));
      return read;
    });
    let questions = MAX_QUESTIONS;
    for (const [place, followers] of looked.entries()) {
      const news = all[place]!;
      const asked = [...groupBy(followers, questionOf).values()].map((those): Question => ({
        query: those[0]!.query,
        projects: those[0]!.request.caller.projects,
        followers: those,
      }));
      for (const question of turned(asked, this.#turn).slice(0, questions)) {
        if (news.lines.length > 0) questions--;
        await this.#answer(question, news).catch((error: unknown) => this.#refuse(question, error));
      }
      if (questions === 0) break;
    }
    this.#turn += MAX_QUESTIONS;
  }

  async #readNew(tx: Queryable, asked: SnapshotRow): Promise<New> {
    const rows = await readNewLines(tx, asked.snapshot, MAX_NOTES, MAX_LINES);
    const { snapshot, now_ms, notes, left_out } = rows[0]!;
    const now = { snapshot, now_ms };
    // A time that has not come yet says as little about what may be missing as one that is long ago.
    const away = Math.abs(now_ms - asked.now_ms) > BACK_WITHIN_MS && asked.snapshot !== snapshot;
    const since = { ...asked, now_ms: Math.min(asked.now_ms, now_ms) };
    const late = away || isBeyond(since.snapshot, snapshot);
    if (late) return { since, now, lines: [], lost: { lines: null, why: "too_late" } };
    const lines = rows.flatMap(({ run_id: run, first, last }) =>
      run === null ? [] : [{ run, first: first!, last: last! }],
    );
    const unread = notes === MAX_NOTES ? null : left_out;
    return {
      since,
      now,
      lines,
      lost: unread === 0 ? undefined : { lines: unread, why: "too_many" },
    };
  }

  async #answer({ query, projects, followers }: Question, news: New): Promise<void> {
    const { since, now, lines } = news;
    let { lost } = news;
    let found: SizedLine[] = [];
    if (lines.length > 0) {
      try {
        found = await this.#match(query, projects, lines);
      } catch (error) {
        if (!isTooSlow(error)) throw error;
        lost = { lines: null, why: "took_too_long" };
      }
    }
    const position = writePosition(now);
    const at = performance.now();
    for (const follower of followers) {
      follower.position = now;
      follower.given = false;
      if (lost) {
        const [from, to] = [since, now].map(({ now_ms }) => instant(new Date(now_ms)));
        // How much all others said is nobody's business who is confined to some projects.
        const amount = projects === null ? lost.lines : null;
        follower.reader.tellLost({ ...lost, lines: amount, from: from!, to: to! });
      }
      if (!lost && found.length === 0 && at - follower.toldAt < POSITION_EVERY_MS) continue;
      follower.toldAt = at;
      follower.reader.tell(found, position);
    }
  }

  /** What the database cannot answer for these must not keep it from the others; away, it answers nobody, and all is asked again. */
  #refuse({ followers }: Question, error: unknown): void {
    if (isUnavailable(error)) throw error;
    this.#options.logger.warn(
      { event: "run.log_unread", err: error },
      "logs of runs could not be read for some who follow them",
    );
    for (const { stream } of followers) stream.fail(toMillraceError(error, 0), "failed");
  }

  async #match(
    query: LineQuery,
    projects: Projects,
    lines: readonly NewLines[],
  ): Promise<SizedLine[]> {
    const { db, subjects } = this.#options;
    const rows = await bounded(db, (tx) =>
      matchNewLines({ db: tx, subjects }, query, projects, lines),
    );
    return rows.map((row) => {
      const line = presentRunLine(row);
      return { line, characters: JSON.stringify(line).length };
    });
  }
}

/** Who is at the same place; who has come with a place of their own shares it with those alone who have come with the very same. */
function placeOf({ position: { snapshot, now_ms }, given }: Follower): string {
  return given ? `${snapshot} ${now_ms}` : snapshot;
}

/** Of those who have seen the same: nothing had been written when the last of them had. */
function latestOf(followers: readonly Follower[]): SnapshotRow {
  return followers.map(({ position }) => position).reduce((a, b) => (a.now_ms > b.now_ms ? a : b));
}

function questionOf({ request, text }: Follower): string {
  return `${JSON.stringify(request.caller.projects)} ${text}`;
}

/** The same items, those first whose turn it is. */
function turned<Item>(items: readonly Item[], turn: number): Item[] {
  const from = items.length === 0 ? 0 : turn % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

function isTooSlow(error: unknown): boolean {
  return error instanceof MillraceError && error.code === "took_too_long";
}
