import { STEP_LIMITS, notifyStep } from "@millrace/core";
import { type Approval, type ApprovalOptions, approvalOf } from "./approval.ts";
import type { Asked } from "./asked.ts";
import type { StandingWait, StepPlace } from "./checkpoints.ts";
import { effectKey } from "./effect-key.ts";
import { executeStep } from "./plain-step.ts";
import { refusal } from "./refusal.ts";
import { failureOf } from "./step-failure.ts";
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";
import { standingWait, waitStep } from "./wait-step.ts";

type Notify = NonNullable<ApprovalOptions["notify"]>;

/** {@link Step.approval} */
export async function approvalStep(
  ground: StepGround,
  name: string,
  given: ApprovalOptions,
): Promise<Approval | null> {
  const place = ground.placeOf(name, "approval");
  const { notify, ...asked } = approvalOf(given, textOf(place));
  if (notify) {
    requireRoom(place);
    const told = ground.placeOf(notifyStep(name), "step");
    await ground.busy(() => tell(ground, place, asked, told, notify));
  }
  const { value } = await waitStep(ground, place, asked);
  if (value === null) return null;
  const { at, ...answer } = JSON.parse(value) as Approval & { at: string };
  return { ...answer, at: new Date(at) };
}

/** The step that tells people has a name, too. @throws MillraceError `invalid_step` */
function requireRoom(place: StepPlace): void {
  const most = STEP_LIMITS.nameLength - notifyStep("").length;
  if (place.name.length <= most) return;
  throw refusal(
    "invalid_step",
    `${textOf(place)}: its name has ${place.name.length} characters, and with notify ${most} are allowed`,
  );
}

/** Has those who are asked told so, when the approval is on record: whoever gets the link may answer at once. */
async function tell(
  ground: StepGround,
  place: StepPlace,
  asked: Asked,
  told: StepPlace,
  notify: Notify,
): Promise<void> {
  const known = await ground.recall(told);
  if (known?.failed) throw failureOf(known.value!);
  if (known) return;
  await ground.goOn(told);
  const wait = await standingWait(ground, place, asked);
  const notifyNow = async () => {
    // An earlier attempt may have told them, and ended before that was on record.
    if (wait.met || wait.restMs <= 0) return;
    await notify(await linkOf(ground, told, wait, asked.forMs != null));
  };
  // A handler that goes on after that does not come to the answer any more.
  await executeStep(ground, told, notifyNow, {
    withdraws: { name: place.name, ordinal: place.ordinal },
  });
}

async function linkOf(ground: StepGround, told: StepPlace, wait: StandingWait, ends: boolean) {
  const { name, ordinal, kind } = wait;
  return {
    url: await ground.checkpoints.link({ name, ordinal, kind }),
    until: ends ? new Date(wait.dueMs) : null,
    idempotencyKey: effectKey(ground.runId, told),
    get signal() {
      return ground.signal();
    },
  };
}
