import { z } from "zod";
import { LONGEST_DURATION, durationMs, isTooLong } from "../duration.ts";
import { MAX_QUERY_LENGTH } from "../query/parse.ts";
import { MAX_NAME_LENGTH, MAX_PRIORITY, MIN_PRIORITY, isName } from "../names.ts";
import { ATTEMPT_OUTCOMES, RUN_STATES, TRIGGERS } from "../run.ts";
import { STEP_KINDS } from "../step-limits.ts";
import { Problem } from "./problem.ts";
import { StoredJson, StoredObject } from "./stored-json.ts";
import { Ordinal, StepName } from "./step-place.ts";

export const RunId = z.uuid().describe("A run's id, a UUIDv7");

export const Name = z
  .string()
  .max(MAX_NAME_LENGTH)
  .refine(isName, "use lower case, digits, and single . _ - : / between them");

export const RunStateSchema = z.enum(RUN_STATES).meta({ id: "RunState" });

/** A time as the API writes it: ISO 8601 in UTC. */
export const Instant = z.iso.datetime({ offset: true });

const DurationText = lengthOf(0, "not a duration");

/** A duration that is longer than nothing. */
export const LengthOfTime = lengthOf(1, "not a length of time");

/** Text that says how long; what it is when it is none, or shorter than so many milliseconds. */
function lengthOf(leastMs: number, otherwise: string) {
  return z.string().check(({ value, issues }) => {
    // What else is wrong is told, too, and a union that has one of these tells what this one says.
    const refuse = (message: string) =>
      issues.push({ code: "custom", input: value, message, continue: true });
    if (isTooLong(value)) refuse(`longer than ${LONGEST_DURATION}`);
    else if (!lasts(value, leastMs)) refuse(`${otherwise}; write for example "30s"`);
  });
}

function lasts(text: string, leastMs: number): boolean {
  try {
    return durationMs(text, "") >= leastMs;
  } catch {
    return false;
  }
}

export const CreateRun = z
  .strictObject({
    job: Name,
    input: z.json().optional().describe("Checked against the job's schema; {} when absent"),
    queue: Name.optional().describe("Instead of the job's own"),
    priority: z
      .int()
      .min(MIN_PRIORITY)
      .max(MAX_PRIORITY)
      .optional()
      .describe("Higher starts first"),
    runAt: Instant.optional().describe("Not before this instant"),
    delay: DurationText.optional().describe("Not before this much time has passed, such as 10m"),
    ttl: LengthOfTime.optional().describe(
      "Cancelled as expired if it has not started so long after it was accepted, or after it was due; instead of the job's own",
    ),
    idempotencyKey: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("Same job and key: same run. Another input under the same key is refused"),
    correlationId: z.string().min(1).max(255).optional(),
  })
  .refine((run) => !(run.runAt && run.delay), { error: "give runAt or delay, not both" })
  .meta({ id: "CreateRun" });

export type CreateRun = z.infer<typeof CreateRun>;

/** What a caller is told about a run that was accepted. */
export const AcceptedRun = z
  .object({
    id: RunId,
    created: z
      .boolean()
      .describe(
        "False when the call became a run that was there already: by its idempotency key, by debounce or by throttle",
      ),
    queue: z.string(),
    runAt: Instant.nullable(),
  })
  .meta({ id: "AcceptedRun" });

export type AcceptedRun = z.infer<typeof AcceptedRun>;

export const MAX_BULK = 1000;

export const CreateRuns = z
  .strictObject({ runs: z.array(CreateRun).min(1).max(MAX_BULK) })
  .meta({ id: "CreateRuns" });

export const CreatedRuns = z
  .object({
    accepted: z.int(),
    refused: z.int(),
    results: z
      .array(z.union([AcceptedRun, z.object({ error: Problem.omit({ requestId: true }) })]))
      .describe("One for each run, in order"),
  })
  .meta({ id: "CreatedRuns" });

export type CreatedRuns = z.infer<typeof CreatedRuns>;

export const RunSummary = z
  .object({
    id: RunId,
    job: z.string(),
    queue: z.string(),
    state: RunStateSchema,
    reason: z
      .string()
      .nullable()
      .describe("Why it is not running, in words; or the last error's class"),
    priority: z.int(),
    version: z
      .string()
      .nullable()
      .describe("The version of its job under which it has begun its steps; null before that"),
    attempt: z.int().describe("The attempt under way, or the last one; 0 before the first"),
    failures: z.int().describe("Attempts that failed"),
    losses: z.int().describe("Attempts whose worker died"),
    trigger: z.enum(TRIGGERS),
    correlationId: z.string().nullable(),
    idempotencyKey: z.string().nullable(),
    rerunOf: RunId.nullable(),
    continuedFrom: RunId.nullable().describe("The run that has continued as this one"),
    continuedAs: RunId.nullable().describe(
      "The run that this one has continued as; it has completed then, without an output",
    ),
    schedule: z.string().nullable().describe("The schedule that it, or what it reruns, came from"),
    scheduledFor: Instant.nullable().describe("The instant that the schedule names"),
    createdAt: Instant,
    runAt: Instant.nullable().describe("When it is due, while it is scheduled or waits"),
    expiresAt: Instant.nullable().describe("When it is cancelled if it has not started by then"),
    startedAt: Instant.nullable().describe("Start of the attempt under way, or of the last one"),
    finishedAt: Instant.nullable(),
    worker: z.int().nullable(),
    error: z
      .object({ class: z.string(), message: z.string() })
      .nullable()
      .describe("Of the last attempt that failed or was lost"),
    fields: z
      .record(z.string(), z.string())
      .describe(
        "What its input has at the paths that its job declares as searchable, as text; of what is longer, the first 200 characters",
      ),
  })
  .meta({ id: "RunSummary" });

export type RunSummary = z.infer<typeof RunSummary>;

/** What is known of a lost attempt that was executed away from others. Sizes are bytes. */
export const Evidence = z
  .object({
    died: z.enum(["process", "thread", "worker"]).describe("What died"),
    lane: z
      .enum(["process", "thread", "alone"])
      .describe("Where the run was executed; alone: in the worker, with nothing beside it"),
    exitCode: z.int().nullable(),
    signal: z.string().nullable().describe("The signal that ended it, such as SIGSEGV"),
    outOfMemory: z.boolean(),
    memoryBytes: z.number().nullable().describe("The most that was seen, where it can be seen"),
    memoryLimitBytes: z.number().nullable(),
    lastLine: z.string().nullable().describe("The last line that the handler logged"),
    said: z.string().nullable().describe("The end of stderr, or the error that nobody caught"),
  })
  .meta({ id: "Evidence" });

export type Evidence = z.infer<typeof Evidence>;

export const Attempt = z
  .object({
    number: z.int(),
    outcome: z.enum([...ATTEMPT_OUTCOMES, "running"]),
    worker: z.int().nullable(),
    startedAt: Instant,
    finishedAt: Instant.nullable(),
    durationMs: z.number().nullable(),
    error: z
      .object({ class: z.string(), message: z.string(), stack: z.string().nullable() })
      .nullable(),
    evidence: Evidence.nullable().describe(
      "Of a lost attempt that was executed away from others; null for one that had neighbours, which proves nothing",
    ),
  })
  .meta({ id: "Attempt" });

export type Attempt = z.infer<typeof Attempt>;

/** How many steps the page of a run shows. */
export const MAX_STEPS_SHOWN = 1000;

export const RunStep = z
  .object({
    name: z.string(),
    ordinal: z.int().describe("The n-th use of the name in the run, from 1"),
    kind: z.enum(STEP_KINDS),
    attempt: z
      .int()
      .nullable()
      .describe("The attempt that recorded it; null for a wait that is not over"),
    startedAt: Instant,
    finishedAt: Instant.nullable().describe("Null for a wait that is not over"),
  })
  .meta({ id: "RunStep" });

export type RunStep = z.infer<typeof RunStep>;

export const ListRunSteps = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_STEPS_SHOWN).default(200),
  cursor: z
    .string()
    .max(220)
    .regex(/^\d{1,17}:\d{1,5}:/, "not a cursor: pass the nextCursor of the page before")
    .optional(),
});

export const RunStepPage = z
  .object({
    steps: z.array(RunStep).describe("In the order in which they began"),
    nextCursor: z.string().nullable().describe("Where to read on; null at the end, for now"),
  })
  .meta({ id: "RunStepPage" });

export type RunStepPage = z.infer<typeof RunStepPage>;

export const Parent = z
  .object({
    run: RunId,
    step: z.string().describe("The name of the step that called it"),
    ordinal: z.int().describe("The n-th use of that name in the parent, from 1"),
    number: z.int().describe("Its place among the children of that step, from 0"),
  })
  .meta({ id: "Parent" });

export type Parent = z.infer<typeof Parent>;

export const Children = z
  .object({
    later: z.int().describe("Whose turn has not come: a fan-out has so many open at once"),
    open: z.int(),
    completed: z.int(),
    failed: z.int(),
    cancelled: z.int(),
  })
  .meta({ id: "Children" });

export type Children = z.infer<typeof Children>;

export const ForkRun = z
  .strictObject({
    step: StepName.describe("The first step that is run again"),
    ordinal: Ordinal.optional().describe(
      "Which use of its name in the run, from 1; default the first",
    ),
    input: z.json().optional().describe("Instead of the old run's input"),
  })
  .meta({ id: "ForkRun" });

export type ForkRun = z.infer<typeof ForkRun>;

export const ForkedRun = AcceptedRun.extend({
  steps: z.int().describe("How many checkpoints of the old run it begins with"),
}).meta({ id: "ForkedRun" });

export type ForkedRun = z.infer<typeof ForkedRun>;

const Place = {
  name: z.string(),
  ordinal: z.int().describe("The n-th use of the name in the run, from 1"),
  kind: z.enum(STEP_KINDS),
};

export const ReadRunRecord = z.strictObject({
  stored: z
    .stringbool()
    .default(false)
    .describe("With large values from their store, instead of references to them"),
});

/** What a run has on record, as its handler would get it in the next attempt. */
export const RunRecord = z
  .object({
    run: RunId,
    job: z.string(),
    state: RunStateSchema,
    version: z.string().nullable().describe("The version of its job to which it is pinned"),
    attempt: z.int().describe("The attempt that comes next, or would, from 1"),
    trigger: z.enum(TRIGGERS),
    correlationId: z.string().nullable(),
    scheduledFor: Instant.nullable(),
    input: StoredJson,
    output: StoredJson.nullable(),
    checkpoints: z
      .array(
        z.object({
          ...Place,
          seq: z.int().describe("Grows in the order in which the handler got to know them"),
          value: z
            .string()
            .nullable()
            .describe(
              'JSON text of what it gave; what JSON has no form for is {"$": [kind, …]}. Null for a sleep',
            ),
          failed: z.boolean().describe("The value says why there is none"),
        }),
      )
      .describe("In their order"),
    waits: z.array(
      z.object({ ...Place, met: z.boolean().describe("What it waits for has come, or its time") }),
    ),
    effects: z.array(z.object(Place)).describe("Those that were begun and have no receipt"),
  })
  .meta({ id: "RunRecord" });

export type RunRecord = z.infer<typeof RunRecord>;

/** So many open runs of a job are looked at in each place where runs stand. */
export const MAX_OPEN_RUNS = 1000;

export const ReadOpenRuns = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_OPEN_RUNS)
    .default(MAX_OPEN_RUNS)
    .describe("How many at the most of each place where runs stand"),
});

/** Open runs of a job, for whoever asks what new code would make of them. */
export const OpenRuns = z
  .object({
    runs: z.array(
      z.object({
        id: RunId,
        state: RunStateSchema,
        version: z.string().nullable(),
        begun: z.boolean().describe("Whether it has steps on record"),
        input: StoredJson,
      }),
    ),
    more: z.boolean().describe("There are more, which were not looked at"),
  })
  .meta({ id: "OpenRuns" });

export type OpenRuns = z.infer<typeof OpenRuns>;

export const TimelineEntry = z
  .object({
    at: Instant,
    event: z.string(),
    actor: z.string().nullable(),
    detail: StoredObject.nullable(),
  })
  .meta({ id: "TimelineEntry" });

export type TimelineEntry = z.infer<typeof TimelineEntry>;

export const Run = RunSummary.extend({
  input: StoredJson,
  output: StoredJson.nullable(),
  maxAttempts: z.int().nullable().describe("Null when no server knows the job any more"),
  trace: z
    .object({
      id: z.string().describe("32 hexadecimal digits, as W3C Trace Context has it"),
      url: z.string().nullable().describe("Where to look at it, where the server knows that"),
    })
    .nullable()
    .describe("The trace in which it was asked for, where that is recorded"),
  cancelRequestedAt: Instant.nullable(),
  progress: z
    .object({
      at: Instant,
      done: z.number(),
      total: z.number().nullable(),
      message: z.string().nullable(),
    })
    .nullable(),
  attempts: z.array(Attempt),
  stepCount: z.int().describe("How many steps are on record"),
  steps: z
    .array(RunStep)
    .describe(
      "The last 1,000 steps that are on record, in the order in which they began; GET /api/v1/runs/{id}/steps has all",
    ),
  parent: Parent.nullable().describe("Whose child it is"),
  children: Children.nullable().describe("How many it has; null for none"),
  timeline: z.array(TimelineEntry),
  reruns: z.array(RunId),
  subject: z
    .object({
      id: z.uuid().describe("Not its name, which is kept nowhere"),
      erasedAt: Instant.nullable().describe("Since when its content reads [erased]"),
    })
    .nullable()
    .describe("Whom it is about, where its job declares that"),
}).meta({ id: "Run" });

export type Run = z.infer<typeof Run>;

export const MAX_PAGE = 200;

/** How many runs one list request looks at; what it did not reach is reached through `nextCursor`. */
export const LIST_WINDOW = 20_000;

/** As inputs have it. */
export const SubjectName = z.string().min(1).max(200);

/** As a query is asked for; what it means is in `parseQuery`. */
export const QueryText = z
  .string()
  .max(MAX_QUERY_LENGTH)
  .describe(
    'What to look for, such as `status:failed job:contact.* input.tenant:acme age:<1h -queue:mail "503"`',
  );

export const ListRuns = z.strictObject({
  q: QueryText.optional(),
  job: Name.optional(),
  queue: Name.optional(),
  state: RunStateSchema.optional(),
  since: Instant.optional().describe("Created at or after"),
  until: Instant.optional().describe("Created before; only with q"),
  correlationId: z.string().max(255).optional(),
  parent: z.uuid().optional().describe("Children of this run"),
  subject: SubjectName.optional().describe("About this subject; not together with parent"),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional().describe("nextCursor of the page before"),
});

export const Searched = z
  .object({
    complete: z
      .boolean()
      .describe(
        "Whether the page is full, or all in the range was looked at; else the time was over: go on with nextCursor",
      ),
    back: Instant.nullable().describe("Down to where all was looked at; null when all was"),
    looked: z
      .int()
      .nullable()
      .describe("How many runs were looked at for this page; null for who is confined to projects"),
    total: z
      .int()
      .nullable()
      .describe(
        "About how many runs there are in the range; null where that cannot be told cheaply",
      ),
    index: z
      .object({
        path: z.string().describe("Of the input, such as order.id"),
        used: z
          .boolean()
          .describe(
            "Whether runs were looked up by it; else not all jobs that the query can match declare it as searchable, and all their runs are looked through",
          ),
        from: Instant.nullable().describe(
          "Runs accepted from then on were looked up, those of before looked through; null when it was not used",
        ),
        jobs: z
          .array(z.string())
          .describe("Jobs that the query can match and that declare it, 20 at the most"),
      })
      .nullable()
      .describe("The searchable field that the query asks for; null where there is none"),
  })
  .meta({ id: "Searched" });

export type Searched = z.infer<typeof Searched>;

export const CountRuns = z.strictObject({
  q: QueryText.default(""),
  since: Instant.optional().describe("Created at or after"),
  until: Instant.optional().describe("Created before"),
});

export const ExportRuns = z.strictObject({
  q: QueryText.default(""),
  payloads: z.stringbool().default(false).describe("With what each run got and gave"),
});

/** Runs are counted up to so many. */
export const MAX_COUNT = 10_000;

export const RunCount = z
  .object({
    count: z.int().describe("10,000 at the most"),
    more: z.boolean().describe("There are more than 10,000"),
    complete: z
      .boolean()
      .describe(
        "False when the time was over: there are at least so many, counted from the newest",
      ),
    back: Instant.nullable().describe("Down to where all was counted; null when all was"),
  })
  .meta({ id: "RunCount" });

export type RunCount = z.infer<typeof RunCount>;

export const RunPage = z
  .object({
    runs: z.array(RunSummary).describe("Newest first"),
    searched: Searched.optional().describe("Of a search by q: how far it has come"),
    nextCursor: z
      .uuid()
      .nullable()
      .describe(
        "Where to look on; null at the end. A page may be short, even empty, and still have one: each request looks at 20,000 runs at the most",
      ),
  })
  .meta({ id: "RunPage" });

export type RunPage = z.infer<typeof RunPage>;

export const Reason = z.strictObject({
  reason: z.string().max(1000).optional().describe("For the record"),
});

export const Cancel = Reason.extend({
  force: z.boolean().optional().describe("End it at once, also when it has something to make good"),
});

const PLACE = {
  queue: Name.optional().describe("Into this queue; its own when absent"),
  priority: z
    .int()
    .min(MIN_PRIORITY)
    .max(MAX_PRIORITY)
    .optional()
    .describe("Higher starts first; its own when absent"),
};

/** Where runs that wait are to go. */
export const QueuePlace = z.strictObject(PLACE);

const SOMEWHERE = { error: "give queue or priority" };

export const isSomewhere = ({ queue, priority }: z.infer<typeof QueuePlace>) =>
  queue !== undefined || priority !== undefined;

export const MoveRun = QueuePlace.refine(isSomewhere, SOMEWHERE).meta({ id: "MoveRun" });

export const MovedRun = z
  .object({
    id: RunId,
    queue: z.string(),
    priority: z.int(),
    moved: z.boolean().describe("False where it was there already"),
  })
  .meta({ id: "MovedRun" });

export type MovedRun = z.infer<typeof MovedRun>;

export const CancelResult = z
  .object({
    result: z
      .enum(["cancelled", "asked", "compensating"])
      .describe(
        "asked: it runs; its handler has been told to stop. compensating: it makes good first what it has done",
      ),
  })
  .meta({ id: "CancelResult" });

export type CancelResult = z.infer<typeof CancelResult>;

export const StartedNow = z
  .object({ queue: z.string().describe("In which it stands now") })
  .meta({ id: "StartedNow" });

export type StartedNow = z.infer<typeof StartedNow>;
