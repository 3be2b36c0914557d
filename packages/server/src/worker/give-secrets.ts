import { toFailure } from "@millrace/core";
import { type Execution, startHere } from "./executor.ts";
import type { Handling } from "./handling.ts";
import { type SecretLeases, secretsAway } from "./secret-leases.ts";
import { startLater } from "./start-later.ts";

/**
 * Gives an attempt the secrets that its job declares, and starts its handler. An attempt that does not get them has failed, and its handler
 * is not started; where nobody knows whether it may have them, it has not failed, but gives its run back.
 *
 * @param start the handler, when it runs in a place of its own
 * @returns undefined when the handler is simply to be started here and now, as most are
 */
export function giveSecrets(
  attempt: Execution,
  leases: SecretLeases,
  start: (() => Handling) | undefined,
): Handling | undefined {
  const { job, context } = attempt;
  if (job.secrets.length === 0) return start?.();
  const held = leases.held(job);
  if (held) {
    context.secretValues = held;
    return start?.();
  }
  let refused: { thrown: unknown } | undefined;
  const given = leases.lease(job).then(
    (values) => {
      context.secretValues = values;
      return true;
    },
    (thrown: unknown) => {
      refused = { thrown };
      return true;
    },
  );
  return startLater(given, () => {
    if (refused && secretsAway(refused.thrown)) {
      return { ended: { withheld: toFailure(refused.thrown) } };
    }
    // As if its handler had thrown it at once: a run that is to end has not made good what it did.
    if (refused) return { ended: context.unwind(refused.thrown) };
    return start ? start() : startHere(attempt);
  });
}
