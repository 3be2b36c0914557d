import type { AnyJob } from "@millrace/sdk";
import { type ApiOptions, OwnSessions } from "millrace";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { openWindow, sharedWindow } from "../support/browser.ts";
import { SESSION_COOKIE, cookieOf } from "../../packages/server/src/api/cookies.ts";
import { OWN_PAGE, PASSWORD, addPerson } from "../support/people.ts";

export interface Stage {
  api: ApiUnderTest;
  page: Page;
  /** What the page has complained of: errors, and what its security policy refuses. */
  complaints: string[];
  /** To an address of the dashboard, as somebody who opens a link. */
  open(path: string): Promise<void>;
}

/**
 * The dashboard of a server of its own, in a window of its own, as somebody sees it who is logged in.
 *
 * @param options.shared the window is that of all tests of the file, which are many, and only look
 */
export async function stage(
  as: "own" | "viewer" | "nobody" = "own",
  {
    away = false,
    jobs = [],
    kept,
    shared = false,
    ...window
  }: {
    away?: boolean;
    jobs?: AnyJob[];
    kept?: ApiOptions["kept"];
    shared?: boolean;
  } & Parameters<typeof openWindow>[0] = {},
): Promise<Stage> {
  const ownSessions = new OwnSessions();
  const api = await startApi({ ownSessions, away, jobs, kept });
  const { page, complaints } = await (shared ? sharedWindow : openWindow)({
    viewport: { width: 1280, height: 800 },
    // What is looked at while a colour changes has a third one.
    reducedMotion: "reduce",
    ...window,
  });
  if (as === "own" && away) {
    // Nobody comes in while that cannot be put on record: this one came in before.
    const { token, endsAt } = ownSessions.begin(ownSessions.makeTicket().text)!;
    const cookie = cookieOf(SESSION_COOKIE, token, endsAt);
    await page.route("**/api/v1/session/ticket", (route) =>
      route.fulfill({ status: 204, headers: { "set-cookie": cookie } }),
    );
    await page.goto(`${api.url}/#t=${ownSessions.makeTicket().text}`);
    await page.waitForSelector("h1");
  } else if (as === "own") {
    await comeIn(page, `${api.url}/api/v1/session/ticket`, {
      ticket: ownSessions.makeTicket().text,
    });
  } else if (as === "viewer") {
    const email = "vera@example.com";
    await addPerson(api, email, "viewer");
    await comeIn(page, `${api.url}/api/v1/session`, { email, password: PASSWORD });
  }
  return {
    ...{ api, page, complaints },
    open: async (path) => {
      const answer = await page.goto(`${api.url}${path}`);
      expect(answer?.status()).toBe(200);
    },
  };
}

/** As the pages do it, without waiting for any to be drawn. How they do it has tests of its own. */
async function comeIn(page: Page, url: string, data: object): Promise<void> {
  const answer = await page.context().request.post(url, { data, headers: OWN_PAGE });
  expect(answer.ok()).toBe(true);
}
