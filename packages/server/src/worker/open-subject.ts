import { type Json, hasLongNumber, jsonLosses, toFailure } from "@millrace/core";
import { Aborted } from "@millrace/sdk";
import { openInput } from "../engine/subjects/open-content.ts";
import { RunSeal } from "../engine/subjects/run-seal.ts";
import { type SubjectKey, type Subjects, subjectErased } from "../engine/subjects/subjects.ts";
import { isSealedInput } from "../security/sealed-content.ts";
import { isUnavailable } from "../store/database.ts";
import { type Execution, startHere } from "./executor.ts";
import type { Handling } from "./handling.ts";
import { startLater } from "./start-later.ts";

/**
 * Opens the input of a run that is about somebody, and starts its handler. Where the key is gone the run ends as cancelled, and its handler is not
 * started. Any other run pays a look at its input.
 *
 * @param start the handler; undefined when it is simply to be started here
 */
export function openSubject(
  attempt: Execution,
  subjects: Subjects,
  start: () => Handling | undefined,
): Handling | undefined {
  const { run, job, context } = attempt;
  if (!isSealedInput(run.input)) return start();
  const { $sealed: sealed, $subject: subject } = run.input;
  let refused: Handling | undefined;
  const opened = look();
  const ready = opened.then(
    () => true,
    (thrown: unknown) => {
      refused = refusal(attempt, thrown);
      return true;
    },
  );
  return startLater(ready, () => refused ?? start() ?? startHere(attempt));

  async function look(): Promise<void> {
    if (!job.subject && !(await subjects.hasOrHad(job.name))) return;
    open((await subjects.keysOf([subject])).get(subject)!);
  }

  function open(key: SubjectKey): void {
    if (key === "erased") {
      context.abort(new Aborted("cancelled", subjectErased().message));
      throw subjectErased();
    }
    const text = openInput(key, sealed, subject);
    // It only looks like that: any input may.
    if (text === undefined || typeof key === "string") return;
    run.input = JSON.parse(text) as Json;
    run.lost = lossIn(text);
    context.seal = new RunSeal(subject, key, run.id);
  }
}

/** A patch carries digits that a double does not hold. */
function lossIn(text: string): string | undefined {
  if (!hasLongNumber(text)) return undefined;
  const [loss] = jsonLosses(text);
  return loss && `${loss.path.map((part) => `/${part}`).join("") || "it"}: ${loss.why}`;
}

function refusal({ context }: Execution, thrown: unknown): Handling {
  if (context.aborted) return { ended: { abandoned: true } };
  if (isUnavailable(thrown)) return { ended: { withheld: toFailure(thrown) } };
  // As if its handler had thrown it at once: a run that is to end has not made good what it did.
  return { ended: context.unwind(thrown) };
}
