// As much of the peers' types as the subjects use, so that the checks of this repository need none of them installed.

declare module "bullmq" {
  export type Backend = { readonly backend: unique symbol };
  export const createPostgresBackend: Backend;
  export class Queue {
    constructor(name: string, options: { connection: object }, backend?: Backend);
    waitUntilReady(): Promise<unknown>;
    add(name: string, data: object): Promise<unknown>;
    addBulk(jobs: { name: string; data: object }[]): Promise<unknown>;
    getJobCounts(...states: string[]): Promise<Record<string, number>>;
    close(): Promise<void>;
  }
  export class Worker {
    constructor(
      name: string,
      processor: (job: { data: unknown }) => Promise<unknown>,
      options: { connection: object; concurrency: number },
      backend?: Backend,
    );
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  }
}

declare module "pg-boss" {
  export class PgBoss {
    constructor(options: object);
    on(event: "error", listener: (error: Error) => void): void;
    start(): Promise<unknown>;
    stop(options: { graceful: boolean }): Promise<void>;
    createQueue(name: string, options: { notify: boolean }): Promise<void>;
    insert(name: string, jobs: { data: object }[]): Promise<unknown>;
    send(name: string, data: object): Promise<unknown>;
    work(
      name: string,
      options: object,
      handler: (jobs: { data: unknown }[]) => Promise<unknown>,
    ): Promise<unknown>;
    offWork(name: string, options: { wait: boolean }): Promise<void>;
  }
}

declare module "graphile-worker" {
  import type pg from "pg";

  export type Logger = { readonly logger: unique symbol };
  export const Logger: new (factory: () => (level: string, message: string) => void) => Logger;
  export interface WorkerUtils {
    migrate(): Promise<void>;
    addJob(identifier: string, payload: object): Promise<unknown>;
    addJobs(jobs: { identifier: string; payload: object }[]): Promise<unknown>;
    release(): Promise<void>;
  }
  export interface Runner {
    stop(): Promise<void>;
  }
  export function makeWorkerUtils(options: {
    pgPool: pg.Pool;
    logger: Logger;
  }): Promise<WorkerUtils>;
  export function run(options: {
    pgPool: pg.Pool;
    logger: Logger;
    noHandleSignals: boolean;
    preset: object;
    taskList: Record<string, (payload: unknown) => Promise<void>>;
  }): Promise<Runner>;
}

declare module "@dbos-inc/dbos-sdk" {
  import type pg from "pg";

  export const DBOS: {
    setConfig(config: object): void;
    registerWorkflow(
      workflow: (input: never) => Promise<unknown>,
      options: { name: string },
    ): unknown;
    runStep<T>(step: () => Promise<T>, options: { name: string }): Promise<T>;
    registerQueue(name: string, options: object): Promise<unknown>;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
  };
  export class DBOSClient {
    static create(options: object): Promise<DBOSClient>;
    enqueue(options: object, input: unknown): Promise<unknown>;
    enqueueInTransaction(client: pg.ClientBase, options: object, input: unknown): Promise<unknown>;
    destroy(): Promise<void>;
  }
}
