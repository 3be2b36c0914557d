/** What `GET /api/v1/overview` answers. */
export interface Overview {
  at: string;
  /** The most urgent first. */
  attention: readonly Attention[];
  numbers: {
    running: number;
    waiting: number;
    failedPerMinute: number;
    oldestWaitSeconds: number | null;
  };
  /** The last hour by the minute. */
  sparks: {
    at: readonly string[];
    running: readonly number[];
    waiting: readonly number[];
    failed: readonly number[];
    oldestWaitSeconds: readonly number[];
  };
  bars: {
    seconds: number;
    at: readonly string[];
    completed: readonly number[];
    failed: readonly number[];
    cancelled: readonly number[];
    /** Of an earlier time nothing is known any more. */
    keptSince: string;
  };
  deploys: readonly { job: string; version: string; at: string }[];
}

export type Attention =
  | {
      kind: "errors";
      fingerprint: string;
      errorClass: string;
      message: string;
      jobs: readonly string[];
      inRange: number;
      perMinute: number;
      before: number;
      firstSeen: string;
      lastSeen: string;
      version: string | null;
      sampleRun: string;
      spark: readonly number[];
    }
  | {
      kind: "queue";
      queue: string;
      waiting: number;
      oldestSeconds: number;
      growingPerMinute: number | null;
      workers: number;
      paused: {
        by: string | null;
        reason: string | null;
        since: string;
        until: string | null;
      } | null;
    }
  | { kind: "schedule"; schedule: string; job: string; dueAt: string; lateSeconds: number }
  | { kind: "worker"; worker: number; name: string; lostAt: string }
  | { kind: "approvals" | "doubts" | "parked"; count: number; oldestSince: string };
