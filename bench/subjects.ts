/** Where a subject keeps its runs: which server, set up how. */
export type Store = "postgres" | "redis everysec" | "redis always";

export interface SubjectSpec {
  name: string;
  file: string;
  /** Given to the file, where one file is two subjects. */
  variant?: string;
  python?: boolean;
  store: Store;
  /** Whether it keeps the result of each run, as a record that can be asked for. */
  keepsResults: boolean;
  /** Whether its file can fill its tables with finished runs. */
  fillsHistory?: boolean;
  /** Whether its handlers can have durable steps. */
  hasSteps?: boolean;
  /** Too slow to be given a million runs in the time of a benchmark. */
  slow?: boolean;
  /** How it is set up, printed with the results. */
  settings: string;
}

export const SUBJECTS: readonly SubjectSpec[] = [
  {
    name: "millrace",
    file: "subjects/millrace.ts",
    store: "postgres",
    keepsResults: true,
    fillsHistory: true,
    hasSteps: true,
    settings: "acceptMany 1,000; concurrency 500",
  },
  {
    name: "graphile-worker",
    file: "subjects/graphile-worker.ts",
    store: "postgres",
    keepsResults: false,
    settings: "addJobs 1,000; concurrency 50, local queue 1,000, completion batched",
  },
  {
    name: "pg-boss",
    file: "subjects/pg-boss.ts",
    store: "postgres",
    keepsResults: true,
    fillsHistory: true,
    settings: "insert 1,000; 2 workers with batches of 1,000, burst, notify",
  },
  {
    name: "bullmq-pg",
    file: "subjects/bullmq.ts",
    variant: "postgres",
    store: "postgres",
    keepsResults: true,
    slow: true,
    settings: "addBulk 500; concurrency 100",
  },
  {
    name: "dbos",
    file: "subjects/dbos.ts",
    store: "postgres",
    keepsResults: true,
    hasSteps: true,
    slow: true,
    settings: "enqueue in transactions of 100; concurrency 200, polling every 10 ms",
  },
  {
    name: "bullmq-everysec",
    file: "subjects/bullmq.ts",
    variant: "redis",
    store: "redis everysec",
    keepsResults: true,
    settings: "addBulk 500; concurrency 100",
  },
  {
    name: "bullmq-always",
    file: "subjects/bullmq.ts",
    variant: "redis",
    store: "redis always",
    keepsResults: true,
    settings: "addBulk 500; concurrency 100",
  },
  {
    name: "celery",
    file: "subjects/celery_host.py",
    python: true,
    store: "redis everysec",
    keepsResults: true,
    slow: true,
    settings: "solo pool, acks late, prefetch 100; results in the same Redis",
  },
  {
    name: "limit",
    file: "subjects/limit.ts",
    store: "postgres",
    keepsResults: true,
    settings: "no product: one insert and one update a run, in batches of 500, 2 connections",
  },
];
