import type { DeadLetterGroup, QueueInfo, WorkerInfo } from "@millrace/core/api";
import { expect, test } from "vitest";
import { type Look, threeAnswers } from "./three-answers.ts";

const AT = Date.UTC(2026, 0, 31, 8);

const WORKER: WorkerInfo = {
  ...{ id: 1, name: "host:1", project: "default", state: "active", concurrency: 20 },
  ...{ running: [], attemptsPerMinute: 100, failuresPerMinute: 0 },
  ...{ queues: ["mail"], jobs: ["send"], version: "1.0.0" },
  ...{ memoryBytes: null, loopLagMs: null, quieted: null },
  startedAt: new Date(AT - 3_600_000).toISOString(),
  seenAt: new Date(AT - 2000).toISOString(),
  endedAt: null,
};

const QUEUE: QueueInfo = {
  ...{ name: "mail", project: null, ready: 0, held: 0, running: 0, scheduled: 0, waiting: 0 },
  ...{ oldestSeconds: null, workers: 1, slots: 20, outlook: null },
  ...{
    concurrency: null,
    rate: null,
    maxDepth: null,
    limitedBy: null,
    defined: null,
    paused: null,
    drained: null,
  },
};

const OUTLOOK: NonNullable<QueueInfo["outlook"]> = {
  ...{ verdict: "grows", words: "growing 120/min, will not drain", inPerMinute: 220 },
  ...{ outPerMinute: 100, seconds: null, soonest: null, latest: null, growth: 120 },
  moreWorkers: null,
};

const GROUP: DeadLetterGroup = {
  ...{ fingerprint: null, errorClass: "HttpError", count: 312, jobs: ["contact.sync"] },
  ...{ firstSeen: WORKER.startedAt, lastSeen: WORKER.seenAt },
  sample: { runId: "019a0000-0000-7000-8000-000000000000", message: "503" },
};

const ERRORS: Partial<Look> = { deadLetters: 400, worstError: GROUP };

const WELL: Look = {
  ...{ queues: [QUEUE], workers: [WORKER], deadLetters: 0, ready: true, troubles: [] },
  ...{ tookMs: 12, serverMs: AT, hereMs: AT },
};

const levels = (look: Partial<Look>) =>
  threeAnswers({ ...WELL, ...look }).map(({ level }) => level);
const words = (look: Partial<Look>, place: number) =>
  threeAnswers({ ...WELL, ...look })[place]!.text;

test("where all is well, three sentences say so, with their numbers", () => {
  expect(threeAnswers(WELL).map(({ text }) => text)).toEqual([
    "work flows: 1 worker, 0 of 20 slots busy, 0 runs waiting",
    "your code is well: 0 of 100 attempts a minute fail",
    "what you see is fresh: the server answered within 12 ms; all workers were seen within 2 s",
  ]);
  expect(levels({})).toEqual(["ok", "ok", "ok"]);
});

test("work does not flow where nobody takes it, or where it grows and has waited for long", () => {
  const waiting = { ...QUEUE, ready: 7, oldestSeconds: 2460, workers: 0 };
  expect(words({ queues: [waiting] }, 0)).toMatch(
    /^not everywhere: .*; queue mail: 7 runs, the oldest for 41 m, how fast is not told$/,
  );
  expect(levels({ queues: [waiting], workers: [] })[0]).toBe("bad");
  const growing = { ...QUEUE, ready: 7, oldestSeconds: 2460, outlook: OUTLOOK };
  expect(words({ queues: [growing] }, 0)).toMatch(
    /^too slowly: .*growing 120\/min, will not drain$/,
  );
  // A burst of a moment ago is none.
  expect(levels({ queues: [{ ...growing, oldestSeconds: 5 }] })[0]).toBe("ok");
  const paused = { by: "Ana", reason: null, at: WORKER.seenAt, until: null };
  expect(levels({ queues: [{ ...growing, paused }] })[0]).toBe("bad");
  expect(levels({ queues: [{ ...growing, paused, outlook: null }] })[0]).toBe("warn");
});

test("workers that were made quiet live, and are named where nobody else takes what waits", () => {
  const waiting = { ...QUEUE, ready: 7, oldestSeconds: 60, workers: 0 };
  const quieted = { at: WORKER.seenAt, by: "Ana" };
  const quiet: WorkerInfo = { ...WORKER, id: 3, state: "draining", quieted };
  const look = { queues: [waiting], workers: [quiet] };
  expect(levels(look)[0]).toBe("bad");
  expect(words(look, 0)).toBe(
    "nothing starts, for no worker takes anything new: 0 workers and 1 quiet, 0 of 0 slots busy, 7 runs waiting; queue mail: 7 runs, the oldest for 1 m, how fast is not told; worker 3, which takes from queue mail, is quiet: it was asked to take nothing new; millrace workers resume 3",
  );
  const other = { ...WORKER, queues: ["others"] };
  expect(words({ ...look, workers: [other, quiet, { ...quiet, id: 4 }] }, 0)).toMatch(
    /^not everywhere: 1 worker and 2 quiet, .*; workers 3 and 4, which take from queue mail, are quiet: .*; millrace workers resume 3$/,
  );
  // One that is being stopped is not to be woken.
  expect(words({ ...look, workers: [{ ...quiet, quieted: null }] }, 0)).toMatch(
    /^nothing starts, for no worker takes anything new: 0 workers, .* how fast is not told$/,
  );
});

test("it is your code where most attempts fail, and what fails most is named", () => {
  const failing = { ...WORKER, failuresPerMinute: 60 };
  expect(words({ workers: [failing], ...ERRORS }, 1)).toBe(
    "it is your code, or what it calls: 60 of 100 attempts a minute fail; 400 dead letters within the hour, most of them HttpError in contact.sync: 503",
  );
  expect(levels({ workers: [failing] })[1]).toBe("bad");
  expect(levels({ workers: [{ ...failing, failuresPerMinute: 20 }] })[1]).toBe("warn");
  expect(levels(ERRORS)[1]).toBe("warn");
  // One failure of two attempts is chance.
  expect(levels({ workers: [{ ...WORKER, attemptsPerMinute: 2, failuresPerMinute: 1 }] })[1]).toBe(
    "ok",
  );
});

test("dead letters are all counted, and an error is said to be of most only where it is", () => {
  const dead = (deadLetters: number, of: number, group: Partial<DeadLetterGroup> = {}) =>
    words({ deadLetters, worstError: { ...GROUP, count: of, ...group } }, 1).split("; ")[1];
  expect(dead(8, 1)).toBe("8 dead letters within the hour, such as HttpError in contact.sync: 503");
  expect(dead(8, 4)).toBe(
    "8 dead letters within the hour, 4 of them HttpError in contact.sync: 503",
  );
  expect(dead(8, 5)).toBe(
    "8 dead letters within the hour, most of them HttpError in contact.sync: 503",
  );
  expect(dead(8, 8)).toBe(
    "8 dead letters within the hour, all of them HttpError in contact.sync: 503",
  );
  expect(dead(1, 1)).toBe("1 dead letter within the hour, HttpError in contact.sync: 503");
  const jobs = ["a", "b", "c", "d"];
  expect(dead(8, 5, { jobs })).toContain("most of them HttpError in a, b, c and others: 503");
});

test("a message is cut between two words, and says so", () => {
  const said = (message: string) =>
    words({ deadLetters: 1, worstError: { ...GROUP, sample: { ...GROUP.sample, message } } }, 1)
      .split("contact.sync: ")
      .pop();
  const short =
    "set ETL_DATABASE_URL to the database, such as postgres://user:password@host:5432/a";
  expect(said(short)).toBe(short);
  expect(said(`${short}.\n    at its place`)).toBe(short);
  expect(said(`${"word ".repeat(35)}postgres://user:password@host:5432/name`)).toBe(
    `${"word ".repeat(34)}word…`,
  );
  expect(said(`${"w".repeat(300)} end`)).toBe(`${"w".repeat(200)}…`);
});

test("what you see is not fresh where the server is not ready, a worker is silent, or clocks differ", () => {
  expect(words({ ready: false, troubles: ["database: does not answer"] }, 2)).toMatch(
    /^not sure: .*; database: does not answer$/,
  );
  expect(levels({ ready: false })[2]).toBe("bad");
  expect(levels({ serverMs: AT + 300_000, hereMs: AT + 300_000 })[2]).toBe("warn");
  expect(words({ hereMs: AT - 90_000 }, 2)).toContain(
    "its clock is 1 m 30 s ahead of this machine's",
  );
});
