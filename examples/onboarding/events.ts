import { defineEvent } from "@millrace/sdk";
import { z } from "zod";

/** The account was used for the first time. */
export const activated = defineEvent({
  name: "onboarding.activated",
  payload: z.object({ account: z.string() }),
});

/** The first project was made. */
export const projectMade = defineEvent({
  name: "onboarding.project-made",
  payload: z.object({ account: z.string(), project: z.string() }),
});

/** The survey was answered: how likely they are to recommend us, from 0 to 10. */
export const surveyAnswered = defineEvent({
  name: "onboarding.survey-answered",
  payload: z.object({ account: z.string(), score: z.int().min(0).max(10) }),
});
