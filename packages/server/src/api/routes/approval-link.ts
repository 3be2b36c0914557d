import { openRows } from "../../engine/subjects/open-content.ts";
import { MillraceError, STEP_LIMITS } from "@millrace/core";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { answerTo } from "../../engine/answer-approval.ts";
import { ApprovalLinks, type OpenedLink } from "../../engine/approval-links.ts";
import { linkedApproval } from "../../engine/linked-approval.ts";
import { APPROVAL_HEADERS, answeredPage, askingPage, timeInWords } from "../approval-page.ts";
import { readForm } from "../form-body.ts";
import { wordsPage } from "../form-page.ts";
import { type Answers, formRoutes } from "../form-routes.ts";
import type { Api, Context } from "../route.ts";

const MAX_FORM_BYTES = 32 * 1024;
const MAX_NAME = 100;

/** Mail programs and trackers add parameters of their own: those are nobody's business here. */
const Query = z.object({ link: z.string().catch("") });

const Form = z.strictObject({
  link: z.string(),
  answer: z.enum(["approve", "reject", "none"]),
  name: z.string().trim().max(MAX_NAME).default(""),
  note: z.string().trim().max(STEP_LIMITS.noteLength).default(""),
});

/** What was answered under this code before, when somebody else was quicker, or time was. */
const LATE = ["approval_answered", "approval_expired", "approval_not_found", "run_finished"];

/**
 * The page behind a link to an approval, for people without an API key. `GET` only ever shows: programs that look at links before people do
 * approve nothing. The link comes in the query, which is logged nowhere, and goes back in the body of the form.
 */
export async function approvalLinkRoutes(app: Api, { db, ring, subjects }: Context): Promise<void> {
  const links = new ApprovalLinks(db);
  const forms = {
    headers: APPROVAL_HEADERS,
    maxBytes: MAX_FORM_BYTES,
    nothing: "Nothing was answered",
  };
  await formRoutes(app, forms, (scope, { show, seeOther }) => {
    const seeAgain = (reply: FastifyReply, link: string) =>
      seeOther(reply, `approve?link=${encodeURIComponent(link)}`);

    scope.get(
      "/approve",
      { schema: { hide: true, permission: "public", querystring: Query } },
      async (request, reply) => {
        const { link } = request.query;
        return showLinked({ reply, show }, { db, subjects }, await links.open(link), link);
      },
    );

    scope.post(
      "/approve",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        const { link, answer, name, note } = readForm(Form, request.body);
        const opened = await links.open(link);
        if (!opened || !(await linkedApproval(db, opened))) return showUnknown({ reply, show });
        if (answer === "none") return seeAgain(reply, link);
        try {
          const { digest, ...asked } = opened;
          const by = name || null;
          const who = {
            via: "link",
            by,
            digest,
            address: request.ip,
            requestId: request.id,
          } as const;
          const answered = await answerTo(db, who, {
            ...asked,
            approved: answer === "approve",
            note: note || null,
          });
          for (const queue of answered.queues) ring(queue);
        } catch (error) {
          if (!(error instanceof MillraceError && LATE.includes(error.code))) throw error;
          return showLinked({ reply, show }, { db, subjects }, opened, link, 409);
        }
        // So that what is loaded again is the answer, and not the question.
        return seeAgain(reply, link);
      },
    );
  });
}

/** Who is to be answered, and how. */
interface Asked {
  reply: FastifyReply;
  show: Answers["show"];
}

/** @param tooLate the status when it is answered already */
async function showLinked(
  { reply, show }: Asked,
  { db, subjects }: Pick<Context, "db" | "subjects">,
  opened: OpenedLink | undefined,
  link: string,
  tooLate = 200,
): Promise<FastifyReply> {
  const found = opened && (await linkedApproval(db, opened));
  switch (found?.is) {
    case "open": {
      const [asked] = await openRows(subjects, [found.asked]);
      return show(reply, 200, askingPage(asked!, link));
    }
    case "answered":
      return show(reply, tooLate, answeredPage(found.answer));
    case "expired":
      return show(
        reply,
        410,
        wordsPage(
          "Too late to answer",
          `The time was over on ${timeInWords(opened!.until)}, and the run went on without an answer.`,
        ),
      );
    case "ended":
      return show(
        reply,
        410,
        wordsPage(
          "No answer is needed any more",
          `The run that asked has ended: it is ${found.state}.`,
        ),
      );
    case "withdrawn":
      return show(
        reply,
        410,
        wordsPage("No answer is needed any more", "The run that asked goes on without one."),
      );
    case "gone":
      return show(
        reply,
        410,
        wordsPage("No answer is needed any more", "The run that asked is not on record any more."),
      );
    case undefined:
      return showUnknown({ reply, show });
  }
}

/** The same for whatever is wrong with a link. */
function showUnknown({ reply, show }: Asked): FastifyReply {
  return show(
    reply,
    404,
    wordsPage(
      "This link does not work",
      "It is not whole, or not one of ours. Copy all of it from the message in which it came.",
    ),
  );
}
