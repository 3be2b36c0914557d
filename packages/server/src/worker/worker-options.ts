import type { Evidence } from "@millrace/core/api";
import type { HttpClient } from "@millrace/sdk/http";
import type pg from "pg";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";
import type { Transport } from "../transport/transport.ts";
import type { ValueStore } from "../value-store/value-store.ts";
import type { FailedAttempt, SettledAttempt } from "./attempt.ts";
import type { FinishedClaim } from "./attempt-metrics.ts";
import type { Counts } from "./counts.ts";
import type { IsolationOptions } from "./isolation/lanes.ts";
import type { Level } from "./log-line.ts";
import type { Blocked } from "./loop-watch.ts";
import type { LogObserver } from "./run-logs.ts";
import type { SecretLeases } from "./secret-leases.ts";
import type { OnBatch } from "./settler.ts";

export interface WorkerOptions {
  db: Database;
  /** For the heartbeat's own connection. */
  connection: () => pg.ClientConfig;
  registry: JobRegistry;
  transport: Transport;
  /** That of whoever enqueues in the same process: its rings are heard without a detour. Default: one of its own. */
  bell?: Bell;
  logger: Logger;
  /**
   * Where to take runs from, and how often each queue gets the first choice of free slots, compared with the others
   * (1 unless given). Default: the queues of its jobs.
   */
  queues?: readonly string[] | ReadonlyMap<string, number> | undefined;
  /** Runs at the same time. */
  concurrency: number;
  /** How long it may be silent before its runs are given to others. */
  leaseMs: number;
  /** How long a stopping worker lets its runs finish before it hands them back. */
  drainMs: number;
  version: string;
  /** From which people know the files of the code. Default: they are told a file's name and its folder's alone. */
  folder?: string | undefined;
  /** Where isolated runs are executed. Without it jobs must be inline, and suspects run alone in this process. */
  isolation?: IsolationOptions | undefined;
  /** The address that people have for the server, without a slash at its end, for links; undefined where nobody has said it. */
  publicUrl?: (() => string | undefined) | undefined;
  /** Where large values of steps are kept. Without it they are refused. */
  values?: ValueStore | undefined;
  /** Makes the calls of handlers to others; closed with the worker. Default: one that reaches public addresses alone, and what jobs name. */
  http?: HttpClient | undefined;
  /** Where the secrets that jobs declare come from. Without it jobs must declare none. */
  secrets?: SecretLeases | undefined;
  /** The keys of the subjects of runs. Without it runs that are about somebody fail. */
  subjects?: Subjects | undefined;
  /** Whether spans are recorded in this process. Default: no. */
  traced?: boolean | undefined;
  /** What it counts; told of the calls of `http` by whoever made that. Default: one of its own. */
  counts?: Counts | undefined;
  /** From how long on a blocked event loop is told of. Default 1000. */
  blockMs?: number | undefined;
  /** The least level of log lines that are kept with their runs. Default `info`. */
  logLevel?: Level | "none" | undefined;
  /** Told what becomes of log lines, for metrics. */
  onLog?: LogObserver;
  /** Told of every settled attempt, for metrics. */
  onSettled?: (attempt: SettledAttempt) => void;
  /** Told of every attempt whose lease was lost, so that its outcome is not on record, for metrics. */
  onSuperseded?: (job: string) => void;
  /** Told of every attempt that has failed, or died, once that is on record. */
  onFailed?: (attempt: FailedAttempt) => void;
  /** Told of every claim, for metrics. */
  onClaim?: (claimed: FinishedClaim) => void;
  /** Told of every batch of outcomes that was recorded, for metrics. */
  onRecorded?: OnBatch;
  /** Told of every job that was held back because a server has asked for it, for metrics. */
  onHeld?: (job: string) => void;
  /** Told of every process or thread that died while it ran a handler. */
  onCrash?: (job: string, evidence: Evidence) => void;
  /** Told of every handler that ignored its signal: it was ended by force, or keeps its slot. */
  onIgnored?: (job: string, forced: boolean) => void;
  /** Told of every block of the event loop. */
  onBlocked?: (block: Blocked) => void;
}
