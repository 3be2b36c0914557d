import type { Database } from "millrace";
import { type Measured, percentile } from "./budget.ts";
import type { Visitor } from "./visitor.ts";

const LINES = 100_000;
const SPANS = 20_000;
const FOLLOWED_PER_SECOND = 2000;
const FOLLOWED_MS = 5000;
/** As a display has them; one of twice that was dropped. */
const FRAME_MS = 1000 / 60;

/** A run with a long log, and one of many steps: how soon they are seen, and whether what is said quickly can be followed. */
export async function measureRunPage(visitor: Visitor, db: Database): Promise<Measured[]> {
  const [open, ended] = await twoRuns(db);
  await writeLog(db, open, 1, LINES);
  await db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
     select $1, 'step ' || n, 1, 'step', n, 1, at + n * interval '1 ms', at + (n + 1) * interval '1 ms', '{"ok": true}'
     from generate_series(1, $2::int) n, (select millrace.uuid_time($1) as at) t`,
    [ended, SPANS],
  );
  await visitor.load("/runs", ".virtual [role=row]");
  // What the screen is made of is loaded once.
  await visitor.follow(`/runs/${ended}?tab=input`, "[role=tabpanel]");
  await visitor.follow("/runs", ".virtual [role=row]");
  const waterfall = await measureWaterfall(visitor, ended);
  await visitor.follow("/runs", ".virtual [role=row]");
  const lines = await visitor.follow(`/runs/${open}`, ".log .line");
  return [
    {
      budget: "log of 100,000 lines, to its first screen",
      limit: 200,
      unit: "ms",
      measured: lines.doneMs,
    },
    ...(await measureFollowing(visitor, db, open)),
    ...waterfall,
  ];
}

/** To its first screen, with bars and no places for some; and then to others that were not read before. */
async function measureWaterfall(visitor: Visitor, run: string): Promise<Measured[]> {
  const bars = ".waterfall li:nth-child(12) .waterfall-bar";
  const first = await visitor.follow(`/runs/${run}?tab=input`, bars);
  const scroll = (share: number, step: number) =>
    visitor.page.evaluate<number>(
      `watched.scrollTo(".waterfall .scrolled", ${share}, /step ${step}\\D/)`,
    );
  const endMs = await scroll(1, SPANS);
  const middleMs = await scroll(0.5, SPANS / 2);
  const rows = await visitor.page.locator(".waterfall li").count();
  return [
    {
      ...{ budget: "waterfall of 20,000 steps, to its first screen", limit: 300, unit: "ms" },
      ...{
        measured: first.doneMs,
        note: `its end ${Math.round(endMs)} ms, its middle ${Math.round(middleMs)} ms after`,
      },
    },
    { budget: "waterfall, rows in the page", limit: 60, unit: "", measured: rows },
  ];
}

/** One that is under way, and one that has completed; each found by its own page alone. */
async function twoRuns(db: Database): Promise<[string, string]> {
  const { rows } = await db.query<{ id: string }>(
    `insert into millrace.run (id, job, queue, priority, trigger, input, state, attempts, started_at, finished_at)
     select (substr(millrace.uuid_floor(now())::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
       'any', 'default', 0, 'api', '{}', state, 1, now(), case when state is not null then now() end
     from (values (null::millrace.run_state), ('completed')) v(state) returning id`,
  );
  return [rows[0]!.id, rows[1]!.id];
}

async function writeLog(db: Database, run: string, from: number, to: number): Promise<void> {
  await db.query(
    `insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
     select $1, n, 1, clock_timestamp(), case when n % 50 = 0 then 'warn' else 'info' end,
       'order ' || n || ' was looked at', '{"ms": 184}' from generate_series($2::int, $3::int) n`,
    [run, from, to],
  );
}

/** @returns how long frames were that were drawn while 2,000 lines a second came, of which the last are in sight then */
async function measureFollowing(visitor: Visitor, db: Database, run: string): Promise<Measured[]> {
  await visitor.page.getByLabel("Follow").check();
  // What there was before is there: only what comes is measured.
  await inSight(visitor, LINES);
  await visitor.page.evaluate("watched.anew()");
  const frames = visitor.page.evaluate<{ frames: number[]; mostRows: number }>(
    `watched.frames(${FOLLOWED_MS}, ".log .line")`,
  );
  const [parts, each] = [20, FOLLOWED_PER_SECOND / 20];
  const startedAt = performance.now();
  for (let n = 0; n < (FOLLOWED_MS / 1000) * parts; n++) {
    await writeLog(db, run, LINES + n * each + 1, LINES + (n + 1) * each);
    const next = startedAt + ((n + 1) * 1000) / parts;
    await visitor.page.waitForTimeout(Math.max(0, next - performance.now()));
  }
  const tookMs = performance.now() - startedAt;
  const { frames: took, mostRows } = await frames;
  // What is not shown costs nothing.
  await inSight(visitor, LINES + (FOLLOWED_MS / 1000) * parts * each);
  const dropped = took.filter((ms) => ms > 2 * FRAME_MS).length;
  const pace = Math.round(((FOLLOWED_MS / 1000) * FOLLOWED_PER_SECOND * 1000) / tookMs);
  return [
    {
      ...{ budget: "log that is followed, a frame, p95", limit: 2 * FRAME_MS, unit: "ms" },
      ...{
        measured: percentile(took, 0.95),
        note: `at ${pace.toLocaleString("en")} lines a second; ${dropped} of ${took.length} were longer, the longest ${Math.round(Math.max(...took))} ms`,
      },
    },
    { budget: "log that is followed, lines in the page", limit: 120, unit: "", measured: mostRows },
  ];
}

async function inSight(visitor: Visitor, line: number): Promise<void> {
  const said = visitor.page.getByText(`order ${line} was looked at`);
  await said.first().waitFor({ timeout: 60_000 });
}
