import { type Question, ask } from "./ask.ts";
import { Refused, type Trouble } from "./problem.ts";
import { refresh } from "./resource.ts";

export type Done<T> = { ok: true; data: T } | { ok: false; trouble: Trouble };

/**
 * Changes something, and has whatever may have changed asked for anew.
 *
 * @param changes beginnings of the paths that may say something else now
 */
export async function act<T>(
  path: string,
  question: Question,
  changes: readonly string[],
): Promise<Done<T>> {
  try {
    const { data } = await ask<T>(path, { method: "POST", ...question });
    refresh(...changes);
    return { ok: true, data: data as T };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // It may have been done all the same, when only the answer was lost.
    refresh(...changes);
    return { ok: false, trouble: error.trouble };
  }
}
