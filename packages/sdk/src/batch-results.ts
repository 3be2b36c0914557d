import { MillraceError } from "@millrace/core";

/**
 * What a batch handler has answered, one for each of its runs.
 *
 * @throws MillraceError `invalid_json` when it is no list of that many results
 */
export function batchResults(job: string, answer: unknown, runs: number): unknown[] {
  if (Array.isArray(answer) && answer.length === runs) return answer;
  const what = Array.isArray(answer) ? `a list of ${answer.length}` : typeof answer;
  throw new MillraceError(
    "invalid_json",
    `the handler of ${job} answered ${what} for a batch of ${runs}; it must answer a list with a result, or an Error, for each input in its place`,
  );
}
