export { testKit, type TestAnswer, type TestKit, type TestKitOptions } from "./test-kit.ts";
export type { CrashOptions } from "./crash-sweep.ts";
export type { TestServerOptions } from "./test-databases.ts";
export type { TestLogLine, TestRun, TestStep } from "./test-run.ts";
