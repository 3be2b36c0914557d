import type { HttpClient } from "@millrace/sdk/http";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { WaitLook } from "../engine/wait-look.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { unpark } from "../store/park.ts";
import { registerWorker } from "../store/workers.ts";
import type { Recorder } from "./attempt.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { Claims, type ClaimsOptions } from "./claims.ts";
import { CostSettler } from "./cost-settler.ts";
import { Heartbeat, type HeartbeatReport } from "./heartbeat.ts";
import type { Lanes } from "./isolation/lanes.ts";
import { RunOutput } from "./run-output.ts";
import { Settler } from "./settler.ts";
import { Suspects } from "./suspects.ts";
import { ValueKeeper } from "./value-keeper.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** One life of a worker in the eyes of the database: after it was declared lost, it comes back as another. */
export interface Incarnation extends Recorder {
  readonly id: number;
  readonly claims: Claims;
  readonly heartbeat: Heartbeat;
}

export interface IncarnationOptions {
  worker: WorkerOptions;
  subjects: Subjects;
  http: HttpClient;
  name: string;
  /** The names of those that it takes runs from. */
  queues: readonly string[];
  lanes: Lanes;
  onClaim: ClaimsOptions["onClaim"];
  /** Told of the queues in which a limit has room again. */
  onRoomier: (queues: string[]) => void;
  /** Called with a queue that has got runs. */
  ring: (queue: string) => void;
  onReport: (incarnation: Incarnation, report: HeartbeatReport) => void;
}

/** Registers a worker, and starts its heartbeat. */
export async function beginIncarnation(options: IncarnationOptions): Promise<Incarnation> {
  const { worker, subjects, http, name, queues, lanes, onClaim, onRoomier, ring, onReport } =
    options;
  const { db, registry, concurrency, leaseMs, connection, logger, version } = worker;
  const [row] = await registerWorker(
    db,
    name,
    concurrency,
    [...queues],
    registry.names,
    version,
    leaseMs,
    JSON.stringify(registry.versions),
    registry.project,
  );
  if (!row) throw new Error("registering the worker gave no id");
  failpoint("register.after_commit");
  // What other code has left behind may be what this code can run.
  await unpark(db, registry.names);
  const workerId = row.id;
  const claimed = worker.queues ?? queues;
  const incarnation: Incarnation = {
    id: workerId,
    claims: new Claims({
      ...{ db, workerId, queues: claimed, registry, lanes, onClaim },
      without: worker.secrets && (() => worker.secrets!.withheld()),
    }),
    settler: new Settler(db, workerId, logger, onRoomier, worker.onRecorded),
    output: new RunOutput(db, workerId, logger, {
      masks: worker.secrets?.masks,
      logLevel: worker.logLevel,
      onLog: worker.onLog,
    }),
    checkpoints: new CheckpointKeeper(
      db,
      workerId,
      logger,
      ring,
      new ValueKeeper(worker.values),
      subjects,
      worker.publicUrl,
    ),
    waits: new WaitLook(db, ring, logger),
    costs: new CostSettler(db, logger),
    http,
    suspects: new Suspects(db, workerId, logger),
    heartbeat: new Heartbeat({
      workerId,
      leaseMs,
      connection,
      logger,
      folder: worker.folder,
      onReport: (report) => onReport(incarnation, report),
    }),
  };
  await incarnation.heartbeat.start();
  return incarnation;
}
