import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { MillraceError, withExactNumbers } from "@millrace/core";
import type { ExportRuns, RunSummary } from "@millrace/core/api";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { findRuns } from "../engine/search/look-through.ts";
import { asCaller } from "../engine/as-caller.ts";
import { openRows } from "../engine/subjects/open-content.ts";
import { placeOf } from "../security/caller.ts";
import { readPayloads } from "../store/runs.ts";
import type { Api, Context } from "./route.ts";
import { summaries } from "./run-summaries.ts";

/** Runs that are read, and held, at a time; of those with payloads fewer, as each may be a megabyte. */
const AT_ONCE = 500;
const WITH_PAYLOADS_AT_ONCE = 20;

/** A reader that does not take as many within this time, or one with its payloads, is cut off, in milliseconds. */
const STUCK_MS = 30_000;

/** Of a process, and of one caller. Each is a search after another, which take turns with those of all others. */
const MOST = 10;
const MOST_OF_ONE = 2;

/** So often a part is asked for again that the database had no time for. */
const TRIES = 5;

const HEADERS = {
  "content-type": "application/x-ndjson; charset=utf-8",
  "content-disposition": 'attachment; filename="runs.ndjson"',
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

type Asked = z.infer<typeof ExportRuns>;
type Means = Pick<Context, "db" | "subjects" | "searches" | "streams">;

/** Answers with all runs that a query finds, of one server. */
export class RunExports {
  readonly #means: Means;
  /** Those that are under way, by who has them. */
  readonly #underWay = new Map<ServerResponse, string>();

  constructor(means: Means) {
    this.#means = means;
  }

  /** Cuts off those that are under way when the server begins to close: whoever reads knows by that, that there is more. */
  endOnClose(app: Api): void {
    app.addHook("preClose", async () => {
      for (const raw of this.#underWay.keys()) raw.destroy();
    });
  }

  /**
   * Newest first, a JSON object a line. They are read part by part from where the last one ended, as the reader takes them, so none is in memory but
   * those of a part; and each part is what is there when it is read. An answer that was not cut off is whole.
   *
   * @throws MillraceError `too_many_streams`; QuerySyntaxError
   */
  async answer(request: FastifyRequest, reply: FastifyReply, asked: Asked): Promise<void> {
    const { raw } = reply;
    this.#enter(raw, placeOf(request.caller));
    const parts = partsOf(this.#means, request, asked);
    // What cannot be asked for is refused while it can be said.
    const first = await parts.next();
    if (asked.payloads) await onRecord(this.#means, request);
    void reply.headers(HEADERS).send(Readable.from(paced(first, parts, raw)));
  }

  #enter(raw: ServerResponse, place: string): void {
    const places = [...this.#underWay.values()];
    if (places.length >= MOST || places.filter((one) => one === place).length >= MOST_OF_ONE) {
      throw new MillraceError(
        "too_many_streams",
        `${MOST_OF_ONE} exports of one caller, and ${MOST} of all, go on at a time; wait until one has ended`,
      );
    }
    // Of who has left already there is no close any more.
    if (raw.closed) return;
    this.#underWay.set(raw, place);
    raw.once("close", () => this.#underWay.delete(raw));
  }
}

/** What runs work on leaves the platform: that is on record, and the query is not, in which there may be some of it. */
function onRecord({ db }: Means, { caller }: FastifyRequest): Promise<void> {
  return asCaller(db, caller, "read", "own", async (_tx, tell) => {
    tell("runs.exported", "runs", { after: { payloads: true } });
  });
}

/** Passes on what is read, and cuts off a reader that does not take it. Nothing more is read for one that is gone, or that has asked by HEAD. */
async function* paced(
  first: IteratorResult<string>,
  parts: AsyncGenerator<string>,
  raw: ServerResponse,
): AsyncGenerator<string> {
  for (let part = first; !part.done; part = await parts.next()) {
    if (raw.closed) return;
    const late = setTimeout(() => raw.destroy(), STUCK_MS);
    try {
      yield part.value;
    } finally {
      clearTimeout(late);
    }
  }
}

async function* partsOf(
  means: Means,
  request: FastifyRequest,
  { q, payloads }: Asked,
): AsyncGenerator<string> {
  const { db, searches, streams } = means;
  const now = new Date();
  const limit = payloads ? WITH_PAYLOADS_AT_ONCE : AT_ONCE;
  for (let cursor: string | undefined; ;) {
    // Of who may no more, no more is sent; and of projects, what is theirs now.
    if (cursor !== undefined) await streams.requireStill(request);
    const { caller } = request;
    const asked = { query: q, cursor, projects: caller.projects, now };
    const { rows, next } = await again(() =>
      searches.take(caller, () => findRuns(db, asked, limit)),
    );
    const runs = await summaries(means, rows);
    const content = payloads ? await payloadsOf(means, rows) : undefined;
    const lineOf = (run: RunSummary) =>
      `${withExactNumbers(JSON.stringify({ ...run, ...content?.get(run.id) }))}\n`;
    // The first part is told even when it is empty: the answer begins with it.
    if (runs.length === 0 && cursor === undefined) yield "";
    // With payloads one is as much as hundreds without, for a reader with a slow connection.
    if (content) for (const run of runs) yield lineOf(run);
    else if (runs.length > 0) yield runs.map(lineOf).join("");
    if (next === null) return;
    cursor = next;
  }
}

async function payloadsOf(
  { db, subjects }: Means,
  rows: readonly { id: string }[],
): Promise<Map<string, { input: unknown; output: unknown }>> {
  const read = await openRows(
    subjects,
    await readPayloads(
      db,
      rows.map(({ id }) => id),
    ),
  );
  return new Map(read.map(({ id, input, output }) => [id, { input, output }]));
}

/** Nobody minds that an export takes longer: what the database had no time for is asked for again. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const late = error instanceof MillraceError && error.code === "took_too_long";
      if (!late || tries === TRIES) throw error;
    }
  }
}
