import type { PlantedBug } from "./planted-bug.ts";

const LINES = "test/api/lines.test.ts";

/** Bugs of what operators see, and are told: logs of runs, traces, alerts. */
export const SIGHT_BUGS: readonly PlantedBug[] = [
  {
    bug: "a follower of many runs misses what a transaction wrote that began before others were seen",
    edits: [
      {
        file: "store/log-notes.ts",
        find: " or tx = any (array(select pg_snapshot_xip($1::pg_snapshot)))\n",
        replace: "\n",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "a transaction that began first and commits last is told, once, and holds nobody up",
    },
  },
  {
    bug: "a follower of many runs is told again what was said after a transaction that is still open",
    edits: [
      {
        file: "store/log-notes.ts",
        find: "where tx >= pg_snapshot_xmax($1::pg_snapshot) or",
        replace: "where tx >= pg_snapshot_xmin($1::pg_snapshot) or",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "a transaction that began first and commits last is told, once, and holds nobody up",
    },
  },
  {
    bug: "who follows many runs is told the lines of all projects",
    edits: [
      {
        file: "engine/search/match-new-lines.ts",
        find: "[query.levels, projects, JSON.stringify(look.sought)]",
        replace: "[query.levels, projects && null, JSON.stringify(look.sought)]",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "who is confined to a project is told its lines alone, also beside who asks the same of all",
    },
  },
  {
    bug: "who asks for the same lines shares the answer of who may see more",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "return `${JSON.stringify(request.caller.projects)} ${text}`;",
        replace: "return `${typeof request} ${text}`;",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "who is confined to a project is told its lines alone, also beside who asks the same of all",
    },
  },
  {
    bug: "what a slow reader of lines has lost is told as one line",
    edits: [
      {
        file: "api/log-feed/line-reader.ts",
        find: "      this.#lost.lines++;\n",
        replace: "      this.#lost.lines = 1;\n",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "a reader that is slower than what is said is told how much it has lost, and goes on",
    },
  },
  {
    bug: "who comes back after an hour is not told that lines may be missing",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "const late = away || isBeyond(since.snapshot, snapshot);",
        replace: "const late = away && isBeyond(since.snapshot, snapshot);",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "who was away for too long, or comes from another database, is told that something may be missing",
    },
  },
  {
    bug: "of a flood of lines the rest is lost without a word",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "const unread = notes === MAX_NOTES ? null : left_out;",
        replace: "const unread = notes === MAX_NOTES ? null : Math.min(0, left_out);",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "of a flood the newest lines are told, and how many others were said",
    },
  },
  {
    bug: "who is confined to a project is told how much others log",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "const amount = projects === null ? lost.lines : null;",
        replace: "const amount = projects === undefined ? null : lost.lines;",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "of a flood who is confined to a project is not told how much the others said",
    },
  },
  {
    bug: "a time that one follower makes up is believed for another at the same place",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "return given ? `${snapshot} ${now_ms}` : snapshot;",
        replace: "return given && now_ms < 0 ? `${snapshot} ${now_ms}` : snapshot;",
      },
    ],
    caughtBy: {
      file: "test/api/log-feed.test.ts",
      test: "a time that somebody makes up says nothing to others who come back to the same place",
    },
  },
  {
    bug: "one question that the database cannot answer keeps all followers of lines from theirs",
    edits: [
      {
        file: "api/log-feed/log-feed.ts",
        find: "if (isUnavailable(error)) throw error;",
        replace: "if (followers.length > 0 || isUnavailable(error)) throw error;",
      },
    ],
    caughtBy: {
      file: "test/api/log-feed.test.ts",
      test: "a question that the database cannot answer ends the streams of who asks it, and nobody else's",
    },
  },
  {
    bug: "an export goes on for who has left, or has asked by HEAD",
    edits: [
      {
        file: "api/run-export.ts",
        find: "    if (raw.closed) return;\n    const late",
        replace: "    const late",
      },
    ],
    caughtBy: {
      file: "test/api/run-export.test.ts",
      test: "who asks by HEAD, or leaves, has nothing more read for them, and gives their place and connection back",
    },
  },
  {
    bug: "lines of one run alone are not noted for who follows many",
    edits: [
      {
        file: "store/run-output.ts",
        find: "from of_run having count(*) > 0",
        replace: "from of_run having count(*) > 1",
      },
    ],
    caughtBy: {
      file: "test/cli/logs.test.ts",
      test: "whoever follows many runs misses no line and gets none twice when server and worker are killed, and the database is cut off",
    },
  },
  {
    bug: "a page of lines begins the next one behind a run of which it had a part",
    edits: [
      {
        file: "engine/search/find-lines.ts",
        find: "const next = through.next === null ? undefined : (part ?? { run: through.next, before: null });",
        replace:
          "const next = through.next === null ? undefined : { run: part?.run ?? through.next, before: null };",
      },
    ],
    caughtBy: {
      file: LINES,
      test: "the last lines that match are found, page by page, without one twice or none",
    },
  },
  {
    bug: "lines below the level are kept with the run",
    edits: [
      {
        file: "worker/attempt-log.ts",
        find: "const kept = !this.#concluded && reaches(level, least);",
        replace:
          'const kept = !this.#concluded && (least === "none" ? false : reaches(level, "debug"));',
      },
    ],
    caughtBy: {
      file: "test/worker/run-log.test.ts",
      test: "lines below the level are not kept, and all are when it says so",
    },
  },
  {
    bug: "each attempt of a run may say as much as the run",
    edits: [
      {
        file: "worker/attempt-log.ts",
        find: "if (context.attempt === 1) this.sized(0, 0);",
        replace: "this.sized(0, 0);",
      },
    ],
    caughtBy: {
      file: "test/worker/run-log.test.ts",
      test: "the attempts of a run share what is kept of it",
    },
  },
  {
    bug: "a handler that was left goes on saying things in the log of its run",
    edits: [
      {
        file: "worker/attempt-log.ts",
        find: "    this.#concluded = true;\n",
        replace: "    this.#concluded = !this.#concluded && false;\n",
      },
      {
        file: "store/run-output.ts",
        find: "from line l join held h on h.id = l.lease_id and h.run_ids @> array[l.run_id]\n      on conflict do nothing\n      returning run_id",
        replace: "from line l\n      on conflict do nothing\n      returning run_id",
      },
    ],
    caughtBy: {
      file: "test/worker/run-log.test.ts",
      test: "a handler that was left says no more in the log of its run",
    },
  },
  {
    bug: "lines are lost when the database is away for a second",
    edits: [
      {
        file: "worker/run-logs.ts",
        find: "if (!isUnavailable(error) || this.#abandoned || late) throw error;",
        replace: "if (isUnavailable(error) || this.#abandoned || late) throw error;",
      },
    ],
    caughtBy: {
      file: "test/worker/run-log.test.ts",
      test: "what is said while the database is away is kept when it is back",
    },
  },
  {
    bug: "an attempt is in no trace of what asked for its run",
    edits: [
      {
        file: "worker/attempt-span.ts",
        find: "const within = carried && !carried.linked && !again ? spanContextOf(carried) : undefined;",
        replace:
          "const within = carried && carried.linked && !again ? spanContextOf(carried) : undefined;",
      },
    ],
    caughtBy: {
      file: "test/tracing/ways-in.test.ts",
      test: "the attempt of a run is below what asked for it: at once, by a key, later, within limits, in a batch",
    },
  },
  {
    bug: "a retry goes on in the trace of the first attempt",
    edits: [
      {
        file: "worker/attempt-span.ts",
        find: "const again = run.failures + run.losses > 0;",
        replace: "const again = run.losses > 0;",
      },
    ],
    caughtBy: {
      file: "test/tracing/ways-in.test.ts",
      test: "a retry begins a trace, which refers to what asked for its run",
    },
  },
  {
    bug: "a retry refers to nothing",
    edits: [
      {
        file: "worker/attempt-span.ts",
        find: "links: within ? [] : linksOf(run, carried),",
        replace: "links: within ? [] : linksOf(run, carried).slice(0, 0),",
      },
    ],
    caughtBy: {
      file: "test/tracing/ways-in.test.ts",
      test: "a retry begins a trace, which refers to what asked for its run",
    },
  },
  {
    bug: "an alert fires although it was not so for long",
    edits: [
      {
        file: "engine/alerts/advance.ts",
        find: "now.getTime() - since.getTime() >= forMs;",
        replace: "now.getTime() - since.getTime() >= Math.min(0, forMs);",
      },
    ],
    caughtBy: {
      file: "test/maintenance/alerts.test.ts",
      test: "what is so for less than its rule says leaves nothing, and what comes back is not resolved between",
    },
  },
  {
    bug: "an alert is over with the first look that does not see it",
    edits: [
      {
        file: "engine/alerts/advance.ts",
        find: "now.getTime() - since.getTime() >= holdMs;",
        replace: "now.getTime() - since.getTime() >= Math.min(0, holdMs);",
      },
    ],
    caughtBy: {
      file: "test/maintenance/alerts.test.ts",
      test: "what is so for less than its rule says leaves nothing, and what comes back is not resolved between",
    },
  },
  {
    bug: "each alert of a rule is told at once, however many there were",
    edits: [
      {
        file: "engine/alerts/telling.ts",
        find: "fresh.length + over.length > 0 && sinceMs >= GROUP_MS;",
        replace: "fresh.length + over.length > 0 && sinceMs >= 0;",
      },
    ],
    caughtBy: {
      file: "test/maintenance/alert-targets.test.ts",
      test: "many alerts of a rule are one notification, what comes soon after is told together, and what lasts is told again",
    },
  },
  {
    bug: "what is silenced is told all the same",
    edits: [
      {
        file: "engine/alerts/telling.ts",
        find: "const loud = firing.filter((alert) => !isSilenced(alert));",
        replace: 'const loud = firing.filter((alert) => !isSilenced(alert) || alert.id !== "");',
      },
    ],
    caughtBy: {
      file: "test/maintenance/alert-targets.test.ts",
      test: "while a silence holds nobody is told, and after it what is so still, or is over since",
    },
  },
  {
    bug: "a silence of one project silences all",
    edits: [
      {
        file: "engine/alerts/telling.ts",
        find: "(silence.project === null || silence.project === project)",
        replace:
          '(silence.project === null || silence.project !== "" || silence.project === project)',
      },
    ],
    caughtBy: {
      file: "test/maintenance/alert-targets.test.ts",
      test: "a silence of one project silences no alert of another's",
    },
  },
  {
    bug: "an answer is cut before what is secret in it is masked",
    edits: [
      {
        file: "security/guarded-post.ts",
        find: "Buffer.from(masks.maskBeginning(read));",
        replace: "Buffer.from(masks.mask(read.slice(0, KEPT_BYTES)));",
      },
    ],
    caughtBy: {
      file: "test/maintenance/alert-targets.test.ts",
      test: "S11: of an answer that is cut within a credential nothing of it is left, and none of its URL's parts is in an error",
    },
  },
  {
    bug: "whoever may test a target may send by it without end",
    edits: [
      {
        file: "engine/alerts/targets.ts",
        find: "count!.of_target >= TESTS_OF_TARGET || ",
        replace: "",
      },
    ],
    caughtBy: {
      file: "test/maintenance/alert-targets.test.ts",
      test: "a target is tested five times a minute at the most, and those of a project twenty times",
    },
  },
];
