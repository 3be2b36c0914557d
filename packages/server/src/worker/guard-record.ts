import { MillraceError } from "@millrace/core";
import { type NewCheckpoint, PUBLISH_LIMITS } from "@millrace/sdk";
import type { Masks } from "../security/masks.ts";
import { withoutUrlPasswords } from "../telemetry/redact.ts";
import type { KeptCheckpoints } from "./checkpoint-keeper.ts";
import { toldText } from "./told-text.ts";

/*
 * What is on record comes back to code: the result of a step, an output, an input. A secret in it would be read by all who may look, and masked
 * it would be wrong. So it is refused; while what is only told, such as an error or what a run publishes, is masked.
 */

/** By which the record finds it again, in every attempt: masked, two would be one. */
const NAME = "the name of a step";

/** @throws MillraceError `secret_exposed` */
export function requireNoSecret(json: string, what: string, masks: Masks): void {
  const name = masks.nameIn(json);
  if (name === undefined) return;
  throw new MillraceError(
    "secret_exposed",
    `${what} contains the secret ${name}, and all who may look at the run would read it; leave it out`,
  );
}

/** The same for a value that is no text yet. What cannot be one is refused by whoever makes one of it. */
export function requireNoSecretIn(value: unknown, what: string, masks: Masks): void {
  if (!masks.empty) requireNoSecret(textOf(value), what, masks);
}

/** @throws MillraceError `secret_exposed` */
export function withoutSecrets(checkpoint: NewCheckpoint, masks: Masks): NewCheckpoint {
  requireNoSecret(checkpoint.name, NAME, masks);
  if (checkpoint.failed) {
    return { ...checkpoint, value: withoutUrlPasswords(masks.maskJson(checkpoint.value)) };
  }
  requireNoSecret(checkpoint.value, `what step ${JSON.stringify(checkpoint.name)} gave`, masks);
  return checkpoint;
}

/** The checkpoints of an attempt, without the secrets that it has got; errors without the passwords of URLs, too. */
export function guardRecord(checkpoints: KeptCheckpoints, masks: Masks): KeptCheckpoints {
  const { keep, note, ask, publish } = checkpoints;
  return {
    ...checkpoints,
    // What these say changes.
    get standing() {
      return checkpoints.standing;
    },
    get unwinding() {
      return checkpoints.unwinding;
    },
    get publications() {
      return checkpoints.publications;
    },
    keep: async (checkpoint) => keep(withoutSecrets(checkpoint, masks)),
    note: async (given) => {
      requireNoSecret(given.name, NAME, masks);
      return note(given.error ? { ...given, error: masked(given.error, masks) } : given);
    },
    ask: async (wait) => {
      requireNoSecret(wait.name, NAME, masks);
      const what = `what step ${JSON.stringify(wait.name)} asks for`;
      requireNoSecretIn([wait.event, wait.approval, wait.children], what, masks);
      return ask(wait);
    },
    publish: (publication) => {
      const key = masks.mask(publication.key).slice(0, PUBLISH_LIMITS.keyLength).toWellFormed();
      return publish({ ...publication, key, value: masks.maskJson(publication.value) });
    },
  };
}

function masked<E extends { class: string; message: string }>(error: E, masks: Masks): E {
  return { ...error, message: toldText(error.message, masks) };
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}
