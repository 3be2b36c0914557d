import { formatDuration } from "@millrace/core";
import { holdsOf } from "../holds.ts";
import { oldestHeld, readHeld } from "../../store/held.ts";
import { type OldestApprovalRow, readOldestApproval } from "../../store/approvals.ts";
import { type OldestDoubtRow, readOldestDoubt } from "../../store/doubts.ts";
import { type NeedyRow, listNeedy } from "../../store/park.ts";
import { countPlaces } from "../../store/places.ts";
import { type QueueRow, listQueues } from "../../store/queues.ts";
import { listLate } from "../../store/schedules.ts";
import { countDaysAhead } from "../../store/server-facts.ts";
import type { Queryable } from "../../store/statement.ts";
import { type WorkerRow, listWorkers } from "../../store/workers.ts";
import { count } from "../../runtime/amounts.ts";
import { idsByQueue, quietText, resumeCommand } from "../../runtime/quiet-words.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** A worker beats every few seconds; one that is silent for so long while nobody declares it lost has no reaper. */
const SILENT_MS = 60_000;

const LONG_WAIT_MS = 5 * 60_000;

/** A person may have been at lunch. */
const LONG_DOUBT_MS = 3_600_000;

/** To decide may take thought; after a day the question may have been lost. */
const LONG_APPROVAL_MS = 24 * 3_600_000;

/**
 * Whether work flows: partitions, workers, queues, schedules, versions, dead letters, doubts, approvals.
 *
 * @param now by the database's clock
 */
export async function checkWork(db: Queryable, now: Date): Promise<Finding[]> {
  const [days] = await countDaysAhead(db);
  const workers = await listWorkers(db, null);
  const queues = await listQueues(db, null);
  const [places] = await countPlaces(db);
  return [
    checkPartitions(days?.days ?? 0),
    ...checkWorkers(workers, now),
    ...(await checkQueues(db, queues, workers, now)),
    ...checkSchedules(await listLate(db), now),
    ...(await listNeedy(db)).map(checkNeedy),
    checkDeadLetters(places?.dead_letters ?? 0),
    ...checkDoubts(await readOldestDoubt(db), places?.doubts ?? 0, now),
    ...checkApprovals(await readOldestApproval(db), places?.approvals ?? 0, now),
  ];
}

function checkPartitions(days: number): Finding {
  if (days === 0) {
    return bad("partitions", "today has no partition of its own", "start a server: millrace start");
  }
  const text = `partitions are there for ${count(days, "day")}`;
  if (days > 2) return ok("partitions", text);
  return warn("partitions", text, "start a server, which makes them: millrace start");
}

function* checkWorkers(workers: readonly WorkerRow[], now: Date): Generator<Finding> {
  const alive = workers.filter(({ state }) => state === "active" || state === "draining");
  const silent = alive.filter(({ seen_at }) => now.getTime() - seen_at.getTime() > SILENT_MS);
  for (const worker of silent) {
    const length = formatDuration(now.getTime() - worker.seen_at.getTime());
    yield bad(
      "workers",
      `worker ${worker.name} has been silent for ${length}, and nobody takes back its runs`,
      "start a server: millrace start",
    );
  }
  const lost = workers.filter(({ state }) => state === "lost");
  if (lost.length > 0) {
    const names = [...new Set(lost.map(({ name }) => name))].slice(0, 3).join(", ");
    yield warn(
      "workers",
      `${count(lost.length, "worker")} died within the last hour (${names}); others took over the runs`,
      "look into their logs, and at the memory they had",
    );
  }
  const living = alive.length - silent.length;
  yield living > 0
    ? ok("workers", `${count(living, "worker")} alive`)
    : warn("workers", "no worker is alive", "start one: millrace start, or millrace worker");
}

async function checkQueues(
  db: Queryable,
  queues: readonly QueueRow[],
  workers: readonly WorkerRow[],
  now: Date,
): Promise<Finding[]> {
  const quiet = idsByQueue(
    workers.filter(({ quieted_at: at, state }) => at && state === "draining"),
  );
  const waiting = queues.filter(({ ready, held }) => ready + held > 0);
  const findings: Finding[] = [];
  for (const queue of waiting) {
    const finding = checkQueue(queue, quiet, now) ?? (await checkHeld(db, queue, now));
    if (finding) findings.push(finding);
  }
  if (findings.length > 0) return findings;
  const runs = waiting.reduce((sum, { ready, held }) => sum + ready + held, 0);
  return [ok("queues", `${count(queues.length, "queue")}, ${count(runs, "run")} waiting`)];
}

function checkQueue(
  queue: QueueRow,
  quiet: ReadonlyMap<string, readonly number[]>,
  now: Date,
): Finding | undefined {
  const { name, ready, held, workers, oldest_seconds, paused_at, paused_by } = queue;
  const waitedMs = Math.max(0, (oldest_seconds ?? 0) * 1000);
  const waits = `queue ${name}: ${count(ready + held, "run")} waiting, the oldest for ${formatDuration(waitedMs)}`;
  if (paused_at) {
    const since = formatDuration(Math.max(0, now.getTime() - paused_at.getTime()));
    return warn(
      "queues",
      `${waits}; paused by ${paused_by ?? "somebody"} ${since} ago`,
      `millrace queues resume ${name}`,
    );
  }
  if (workers === 0) {
    const takers = quiet.get(name);
    if (takers) {
      return bad("queues", `${waits}; ${quietText(takers, "from it")}`, resumeCommand(takers));
    }
    return bad(
      "queues",
      `${waits}; no living worker takes from it`,
      `millrace worker --jobs … --queues ${name}`,
    );
  }
  if (waitedMs < LONG_WAIT_MS || ready === 0) return undefined;
  return warn("queues", waits, "add workers, or raise MILLRACE_CONCURRENCY");
}

/** A queue of which all that waits is held back says what holds the oldest, if it has waited long. */
async function checkHeld(db: Queryable, queue: QueueRow, now: Date): Promise<Finding | undefined> {
  const [oldest] = queue.ready === 0 ? await oldestHeld(db, queue.name) : [];
  const waitedMs = oldest ? now.getTime() - oldest.since.getTime() : 0;
  if (!oldest || waitedMs < LONG_WAIT_MS) return undefined;
  const { job } = oldest;
  const [held] = await readHeld(db, [oldest.run_id]);
  const [hold] = held ? holdsOf(job, queue.name, held) : [];
  const waits = `queue ${queue.name}: ${count(queue.held, "run")} held back, the oldest for ${formatDuration(waitedMs)}`;
  if (!held || !hold) return warn("queues", waits, "add workers, or raise MILLRACE_CONCURRENCY");
  const key = hold.code === "key_paused" ? ` --key ${JSON.stringify(held.key)}` : "";
  const paused = hold.code === "job_paused" || hold.code === "key_paused";
  const fix = paused
    ? `millrace jobs resume ${job}${key}`
    : hold.code === "job_disabled"
      ? `millrace jobs enable ${job}`
      : `if that is too long, raise the limit: millrace queues limit ${queue.name} …, or in the code of ${job}`;
  return warn("queues", `${waits}: ${hold.message}`, fix);
}

function* checkSchedules(
  late: Awaited<ReturnType<typeof listLate>>,
  now: Date,
): Generator<Finding> {
  const [first] = late;
  if (!first) return;
  const lateMs = now.getTime() - first.due_at.getTime();
  const names = late.map(({ name }) => name).join(", ");
  yield bad(
    "schedules",
    `${count(first.late, "schedule")} should have fired, the first ${formatDuration(lateMs)} ago: ${names}`,
    "start a scheduler (millrace scheduler), or look into the log of the one that runs",
  );
}

function checkNeedy({ job, version, runs, example }: NeedyRow): Finding {
  const what = `${count(runs, "run")} of ${job}`;
  if (version === null) {
    return warn(
      "versions",
      `${what} parked: the code of the workers does not come to what is on record, such as of run ${example}`,
      `millrace explain ${example}; start a worker with the code of before, or mend the code: millrace deploy check`,
    );
  }
  return warn(
    "versions",
    `${what} begun with version ${version}, such as ${example}, and no living worker can run that`,
    `start a worker with that code, or say that another finishes it: finishes: [${JSON.stringify(version)}]`,
  );
}

function checkDeadLetters(letters: number): Finding {
  if (letters === 0) return ok("dead letters", "no dead letters");
  return warn(
    "dead letters",
    `${count(letters, "dead letter")} nobody has handled`,
    "millrace dead",
  );
}

function* checkDoubts(
  [oldest]: readonly OldestDoubtRow[],
  doubts: number,
  now: Date,
): Generator<Finding> {
  const forMs = oldest ? now.getTime() - oldest.doubt_at.getTime() : 0;
  if (!oldest || forMs < LONG_DOUBT_MS) return;
  yield warn(
    "doubts",
    `${count(doubts, "effect")} in doubt, the oldest for ${formatDuration(forMs)}: ${oldest.name} of run ${oldest.run_id}, which waits for a person`,
    "find out whether it happened, and say so: millrace doubts",
  );
}

function* checkApprovals(
  [oldest]: readonly OldestApprovalRow[],
  approvals: number,
  now: Date,
): Generator<Finding> {
  const forMs = oldest ? now.getTime() - oldest.asked_at.getTime() : 0;
  if (!oldest || forMs < LONG_APPROVAL_MS) return;
  yield warn(
    "approvals",
    `${count(approvals, "approval")} waiting for an answer, the oldest for ${formatDuration(forMs)}: ${oldest.name} of run ${oldest.run_id}`,
    "see who should answer, and whether they know: millrace approvals",
  );
}
