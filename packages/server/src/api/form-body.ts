import { isUtf8 } from "node:buffer";
import { MillraceError } from "@millrace/core";
import type { z } from "zod";
import type { Api } from "./route.ts";
import { requireStorable } from "./storable.ts";

/** Takes what forms of pages send, and nothing else, as a body: texts by the names of their fields. */
export function acceptFormsOnly(scope: Api): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "buffer" },
    async (_request: unknown, bytes: Buffer) => formOf(bytes),
  );
}

/** @throws MillraceError `invalid_request` */
export function readForm<S extends z.ZodType>(form: S, body: unknown): z.output<S> {
  const read = form.safeParse(body);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new MillraceError(
    "invalid_request",
    `The form cannot be read: ${issue!.path.join(".") || "it"}: ${issue!.message}. Nothing was done; go back and try again.`,
  );
}

/** @throws MillraceError `invalid_request`, `invalid_json` */
function formOf(bytes: Buffer): Record<string, string> {
  const text = bytes.toString("utf8");
  if (!isUtf8(bytes) || !isDecodable(text)) {
    throw new MillraceError("invalid_request", "the form is not UTF-8");
  }
  const fields = [...new URLSearchParams(text)];
  // Browsers send line breaks as CR LF.
  const form = Object.fromEntries(
    fields.map(([key, text]) => [key, text.replaceAll("\r\n", "\n")]),
  );
  if (Object.keys(form).length < fields.length) {
    throw new MillraceError("invalid_request", "the form has a field twice");
  }
  requireStorable(form, "the form");
  return form;
}

/** Whether its percent signs stand before bytes of UTF-8: a URLSearchParams would put other characters there without a word. */
function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}
