import { expect } from "vitest";
import type { Answer, ApiUnderTest, Call } from "./api.ts";

export const PASSWORD = "a lamp, a fern and a kettle";

/** What a page of the server itself sends with its requests. */
export const OWN_PAGE = { "sec-fetch-site": "same-origin", "x-millrace": "1" };

const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** A form of a page of the server, as a browser sends it. */
export function sendForm(
  api: ApiUnderTest,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = { "sec-fetch-site": "same-origin" },
): Promise<Answer> {
  const text = new URLSearchParams(fields).toString();
  return api.call(path, { key: null, text, headers: { ...FORM, ...headers } });
}

/** A person who has set a password by the link that was made for them. */
export async function addPerson(
  api: ApiUnderTest,
  email = "ana@example.com",
  role = "operator",
  projects?: readonly string[],
): Promise<void> {
  const { body } = await api.call("/api/v1/people", { json: { email, role, projects } });
  const set = { code: body.setupCode as string, password: PASSWORD, again: PASSWORD };
  expect((await sendForm(api, "/set-password", set)).status).toBe(200);
}

export function logIn(
  api: ApiUnderTest,
  {
    email = "ana@example.com",
    password = PASSWORD,
    ...call
  }: Call & { email?: string | undefined; password?: string | undefined } = {},
): Promise<Answer> {
  return api.call("/api/v1/session", { key: null, json: { email, password }, ...call });
}

/** What a browser sends back of the cookies that it was given. */
export function cookiesOf({ headers }: Answer): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(";", 1)[0]!)
    .join("; ");
}

/** Somebody who is logged in, as their browser asks: from a page of the server, unless the call says otherwise. */
export async function browserOf(
  api: ApiUnderTest,
  who: { email?: string } = {},
): Promise<(path: string, call?: Call) => Promise<Answer>> {
  const answer = await logIn(api, who);
  expect(answer.status).toBe(200);
  const cookie = cookiesOf(answer);
  return (path, call = {}) =>
    api.call(path, { key: null, ...call, headers: { cookie, ...OWN_PAGE, ...call.headers } });
}
