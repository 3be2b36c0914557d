import {
  type FlowGraph,
  MillraceError,
  NODE_STEPS,
  changedNodes,
  fromStepText,
  notifyStep,
  readStoredValue,
  toFailure,
} from "@millrace/core";
import { JobGraph, type OpenRuns, RunRecord } from "@millrace/core/api";
import { type Job, type RunLog, checkInput, replayJob } from "@millrace/sdk";
import { type ApiClient, segment } from "../api-client.ts";
import { replayedRun } from "../replayed-run.ts";
import type { CheckOptions } from "./check-build.ts";

/** Runs that new code would not finish, for one reason. */
export interface Trouble {
  runs: number;
  what: string;
  /** Some of the runs, each with its own part of the reason. */
  examples: string[];
  /** What can be done about it. */
  offers: string[];
}

export interface JobCheck {
  job: string;
  /** How many were looked at. */
  runs: number;
  /** There are more. */
  more: boolean;
  troubles: Trouble[];
}

type OpenRun = OpenRuns["runs"][number];

/**
 * What would become of a run that has begun:
 * - parked: the code does not come to what is on record.
 * - fails: the handler throws over it.
 * - leaves: it goes on, or ends, without some of it.
 */
type Doom = "parked" | "fails" | "leaves";

/** The runs of each doom, with the reason. */
type Found = Record<Doom, Map<OpenRun, string>>;

const PATCH = 'patch: keep the old way for them, behind step.patched("…")';
const PIN =
  "pin: give the code a version, and keep workers with the old one until these runs have ended";

const EXAMPLES = 3;

/** So many are replayed at the same time: a handler may wait for something. */
const AT_ONCE = 10;

/** What the new code of a job makes of its open runs. */
export async function checkJob(
  api: ApiClient,
  job: Job,
  { runs, more }: OpenRuns,
  { patienceMs }: CheckOptions,
): Promise<JobCheck> {
  const pinned = runs.filter((run) => !canRun(job, run));
  const rest = runs.filter((run) => canRun(job, run));
  const inputs = await refusedInputs(job, rest);
  const begun = rest.filter((run) => run.begun && !inputs.has(run));
  const found = { parked: new Map(), fails: new Map(), leaves: new Map() } satisfies Found;
  await inLanes(begun, async (run) => {
    const record = await api.get(`runs/${segment(run.id)}/record`, RunRecord);
    const doom =
      patienceMs === undefined ? unlike(job, record) : await replayed(job, record, patienceMs);
    if (doom) found[doom.doom].set(run, doom.why);
  });
  const troubles = [
    trouble(pinnedText(job, pinned), new Map(pinned.map((run) => [run, String(run.version)])), [
      "pin: keep workers with that version until these runs have ended",
      `patch: if this code can finish them, say so: ${job.version === null ? 'version: "…", ' : ""}finishes: [${versionsOf(pinned)}]`,
    ]),
    trouble("their input does not fit the schema any more", inputs, [
      "upcast: let the schema take the old form, too, and make the new one of it (a default, a union, a transform)",
      "pin: give the code a version, and keep workers with the old one until these runs have ended; runs without steps are not pinned",
    ]),
    trouble(recordText(job, patienceMs !== undefined), found.parked, [PATCH, PIN]),
    trouble("they would fail: the handler throws over what they have on record", found.fails, [
      "mend the code; millrace replay RUN --local follows one of them in a debugger",
      PIN,
    ]),
    trouble("they would go on without what they wait for, or have on record", found.leaves, [
      PATCH,
      PIN,
      "or let it be: they go on without that",
    ]),
  ];
  return {
    job: job.name,
    runs: runs.length,
    more,
    troubles: troubles.filter((each) => each.runs > 0),
  };
}

/** A job that the build does not have. */
export function goneJob(job: string, { runs, more }: OpenRuns): JobCheck {
  const gone = trouble(
    "the code here has no such job",
    new Map(runs.map((run) => [run, run.state])),
    [
      "pin: keep workers that have it until these runs have ended",
      "or cancel them: millrace cancel",
    ],
  );
  return { job, runs: runs.length, more, troubles: [gone] };
}

function trouble(what: string, runs: ReadonlyMap<OpenRun, string>, offers: string[]): Trouble {
  const examples = [...runs].slice(0, EXAMPLES).map(([run, why]) => `${run.id}: ${why}`);
  return { runs: runs.size, what, examples, offers };
}

function canRun({ version, finishes }: Job, run: OpenRun): boolean {
  return run.version === null || run.version === version || finishes.includes(run.version);
}

function pinnedText({ version }: Job, pinned: readonly OpenRun[]): string {
  const own = version === null ? "has none" : `is version ${version}`;
  return `they have begun with ${versionsOf(pinned)}, and the code here ${own}`;
}

function versionsOf(runs: readonly OpenRun[]): string {
  return [...new Set(runs.map(({ version }) => JSON.stringify(version)))].join(", ");
}

function recordText({ graph }: Job, replayed: boolean): string {
  if (replayed) return "they would be parked: the code does not come to what they have on record";
  return graph
    ? "they would be parked: the flow has other nodes than they began with"
    : "they may be parked: the handler does not name steps that they have on record (--replay tells for certain)";
}

async function refusedInputs(job: Job, runs: readonly OpenRun[]): Promise<Map<OpenRun, string>> {
  const refused = new Map<OpenRun, string>();
  for (const run of runs) {
    try {
      await checkInput(job, run.input);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      refused.set(run, error.message);
    }
  }
  return refused;
}

/** What on record is not in the code, as far as that can be seen without running it. */
function unlike(job: Job, record: RunRecord): { doom: Doom; why: string } | undefined {
  const why = job.graph ? regraphed(job.graph, record) : unnamed(job, record);
  return why === undefined ? undefined : { doom: "parked", why };
}

/** Which nodes of a flow have changed since the run began. */
function regraphed(graph: FlowGraph, { checkpoints }: RunRecord): string | undefined {
  const first = checkpoints.find(({ name }) => name === NODE_STEPS.graph);
  const { data: recorded } = JobGraph.safeParse(first?.value && fromStepText(first.value));
  const changed = recorded ? changedNodes(graph, recorded) : [];
  return changed.length > 0 ? `its nodes differ: ${changed.slice(0, 5).join(", ")}` : undefined;
}

/** Which steps on record the text of the handler does not name; undefined when there are none, or it names no steps at all. */
function unnamed(
  { steps, fingerprint }: Job,
  { checkpoints, waits }: RunRecord,
): string | undefined {
  // Names that a template makes could be any.
  if (fingerprint === null || steps.length === 0 || steps.some((name) => name.includes("…")))
    return undefined;
  const known = new Set(steps.flatMap((name) => [name, notifyStep(name)]));
  const missing = [...checkpoints, ...waits]
    .filter(({ kind, name }) => NAMED.has(kind) && !known.has(name))
    .map(({ name }) => JSON.stringify(name));
  if (missing.length === 0) return undefined;
  return `it does not name ${[...new Set(missing)].slice(0, 5).join(", ")}`;
}

/** Kinds that are known by a name which stands in the handler; events, calls and fan-outs may have that of something else. */
const NAMED = new Set(["step", "sleep", "effect", "transaction", "approval"]);

async function replayed(
  job: Job,
  record: RunRecord,
  patienceMs: number,
): Promise<{ doom: Doom; why: string } | undefined> {
  // What lies in the store of the workers is not fetched for so many; its run is held to the names of its steps, or its nodes.
  if (record.checkpoints.some(({ value }) => value !== null && readStoredValue(value))) {
    return unlike(job, record);
  }
  const found = await replayJob(job, replayedRun(record), { log: SILENT, patienceMs });
  if (found.end === "diverged") return { doom: "parked", why: found.message };
  if (found.end === "threw") {
    const { class: name, message } = toFailure(found.error);
    return { doom: "fails", why: `${name}: ${message}` };
  }
  if (found.missed.length === 0) return undefined;
  return { doom: "leaves", why: `it does not come to ${found.missed.slice(0, 5).join(", ")}` };
}

const nothing = () => {};
const SILENT: RunLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>) {
  const left = [...items];
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
