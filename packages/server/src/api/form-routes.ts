import { ERROR_CODES, type ErrorCode, type MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptFormsOnly } from "./form-body.ts";
import { wordsPage } from "./form-page.ts";
import { toMillraceError } from "./problem.ts";
import type { Api } from "./route.ts";

/** How routes answer people. */
export interface FormRoutes {
  /** Of every answer. */
  headers: Readonly<Record<string, string>>;
  /** Of a form, at the most. */
  maxBytes: number;
  /** What has not happened when a request failed, such as "Nothing was answered". */
  nothing?: string;
  /** Told of each failure. */
  onFailure?: (error: MillraceError, request: FastifyRequest) => void;
}

/** What the routes of a scope answer with. */
export interface Answers {
  show(reply: FastifyReply, status: number, page: string): FastifyReply;
  /** So that what is loaded again is a page, and not a form that is sent once more. */
  seeOther(reply: FastifyReply, location: string): FastifyReply;
}

/** Whose messages are for people, though they say that the server cannot. */
const TOLD: readonly ErrorCode[] = ["login_busy", "sign_on_unavailable"];

/** Routes that are pages for people, without a script: bodies are forms, and what fails is said in words. */
export async function formRoutes(
  app: Api,
  { headers, maxBytes, nothing = "Nothing was done", onFailure }: FormRoutes,
  add: (scope: Api, answers: Answers) => void,
): Promise<void> {
  const show: Answers["show"] = (reply, status, page) =>
    reply.code(status).headers(headers).send(page);
  await app.register(async (scope: Api) => {
    scope.setErrorHandler((error, request, reply) => {
      const told = toMillraceError(error, maxBytes);
      request.failure = told;
      onFailure?.(told, request);
      const { status } = ERROR_CODES[told.code];
      if (status === 503) void reply.header("retry-after", "1");
      return show(reply, status, sorryPage(told, nothing));
    });
    acceptFormsOnly(scope);
    add(scope, {
      show,
      seeOther: (reply, location) =>
        reply.code(303).headers(headers).header("location", location).send(),
    });
  });
}

/** What there is to say to people whose request failed. */
function sorryPage(error: MillraceError, nothing: string): string {
  if (error.code === "unsupported_media_type") {
    return wordsPage("This cannot be read", "Only the form of this page is taken here.");
  }
  const { status, title } = ERROR_CODES[error.code];
  const hidden = status >= 500 && !TOLD.includes(error.code);
  return wordsPage(title, hidden ? `${nothing}. Try again in a moment.` : sentence(error));
}

/** The message of an error, as people read it. */
export function sentence({ message }: MillraceError): string {
  const end = message.endsWith(".") ? "" : ".";
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${end}`;
}
