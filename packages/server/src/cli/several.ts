import type { Cli } from "./cli.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";

/**
 * Does the same to each of several things; one that fails does not hold up the others.
 *
 * @returns the exit code: 0 when all worked, 4 when some did, else that of the first error
 */
export async function forEachOf(
  cli: Cli,
  ids: readonly string[],
  options: { json?: boolean },
  work: (id: string) => Promise<void>,
): Promise<number> {
  const errors: unknown[] = [];
  for (const id of ids) {
    try {
      await work(id);
    } catch (error) {
      errors.push(error);
      cli.fail(error, options);
    }
  }
  if (errors.length === 0) return EXIT.done;
  return errors.length < ids.length ? EXIT.partly : exitCodeOf(errors[0]);
}
