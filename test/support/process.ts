import { onTestFinished } from "vitest";
import { Child, type ChildOptions } from "./child-process.ts";

/**
 * Starts a program for the running test, and kills what is left of it when the test ends.
 *
 * Outside a test (`beforeAll`, scripts) use {@link Child.start} and `await using`.
 */
export async function startProcess(
  command: string,
  args: string[],
  options?: ChildOptions,
): Promise<Child> {
  const child = await Child.start(command, args, options);
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

/** {@link startProcess} for a JavaScript file, on the Node that runs the tests. */
export async function startNode(
  script: string,
  args: string[] = [],
  options?: ChildOptions,
): Promise<Child> {
  return await startProcess(process.execPath, [script, ...args], options);
}
