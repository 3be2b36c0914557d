import { openRows } from "../../engine/subjects/open-content.ts";
import { ERROR_CODES, MillraceError, STEP_LIMITS } from "@millrace/core";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { answerTo } from "../../engine/answer-approval.ts";
import { ApprovalLinks, type OpenedLink } from "../../engine/approval-links.ts";
import { linkedApproval } from "../../engine/linked-approval.ts";
import { APPROVAL_HEADERS, answeredPage, askingPage, timeInWords } from "../approval-page.ts";
import { acceptFormsOnly, readForm } from "../form-body.ts";
import { wordsPage } from "../form-page.ts";
import { toMillraceError } from "../problem.ts";
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
  await app.register(async (scope: Api) => {
    scope.setErrorHandler((error, request, reply) => {
      const told = toMillraceError(error, MAX_FORM_BYTES);
      request.failure = told;
      const { status } = ERROR_CODES[told.code];
      if (status === 503) void reply.header("retry-after", "1");
      return show(reply, status, sorryPage(told));
    });
    acceptFormsOnly(scope);

    scope.get(
      "/approve",
      { schema: { hide: true, permission: "public", querystring: Query } },
      async (request, reply) => {
        const { link } = request.query;
        return showLinked(reply, { db, subjects }, await links.open(link), link);
      },
    );

    scope.post(
      "/approve",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        const { link, answer, name, note } = readForm(Form, request.body);
        const opened = await links.open(link);
        if (!opened || !(await linkedApproval(db, opened))) return showUnknown(reply);
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
          return showLinked(reply, { db, subjects }, opened, link, 409);
        }
        // So that what is loaded again is the answer, and not the question.
        return seeAgain(reply, link);
      },
    );
  });
}

function show(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).headers(APPROVAL_HEADERS).send(text);
}

/** What there is to say to people whose request failed. */
function sorryPage({ code, message }: MillraceError): string {
  if (code === "unsupported_media_type") {
    return wordsPage("This cannot be read", "Only the form of this page is taken here.");
  }
  const { status, title } = ERROR_CODES[code];
  return wordsPage(title, status < 500 ? message : "Nothing was answered. Try again in a moment.");
}

function seeAgain(reply: FastifyReply, link: string): FastifyReply {
  return reply
    .code(303)
    .headers(APPROVAL_HEADERS)
    .header("location", `approve?link=${encodeURIComponent(link)}`)
    .send();
}

/** @param tooLate the status when it is answered already */
async function showLinked(
  reply: FastifyReply,
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
      return showUnknown(reply);
  }
}

/** The same for whatever is wrong with a link. */
function showUnknown(reply: FastifyReply): FastifyReply {
  return show(
    reply,
    404,
    wordsPage(
      "This link does not work",
      "It is not whole, or not one of ours. Copy all of it from the message in which it came.",
    ),
  );
}
