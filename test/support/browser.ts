import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { BROWSER_FLAGS, findBrowser } from "./chromium.ts";

const executablePath = await findBrowser();

/** Whether there is a browser: tests that need one are skipped without. */
export const hasBrowser = executablePath !== undefined;

let browser: Promise<Browser> | undefined;

type WindowOptions = NonNullable<Parameters<Browser["newContext"]>[0]>;

interface Window {
  context: BrowserContext;
  page: Page;
}

/** A window, and what its page has complained of since. */
type OpenWindow = Window & { complaints: string[] };

/** A window of its own, in the browser that all tests of a file share; it is closed with the test. */
export async function openWindow(options: WindowOptions = {}): Promise<OpenWindow> {
  const opened = await newWindow(options);
  onTestFinished(() => opened.context.close());
  return { ...opened, complaints: complaintsOf(opened.page) };
}

let shared: Window | undefined;

/**
 * The same, but tests of a file have it one after the other, for those that do no more than look: a window of its own takes each of them
 * half a second of a processor. Next to nothing is left in it of the test before; what a test adds to all pages of a window would be.
 *
 * @param options the same for all tests of a file
 */
export async function sharedWindow(options: WindowOptions): Promise<OpenWindow> {
  const { context, page } = (shared ??= await newWindow(options));
  onTestFinished(() =>
    leave({ context, page }, options).catch(() => {
      shared = undefined;
      return context.close();
    }),
  );
  return { context, page, complaints: complaintsOf(page) };
}

async function leave({ context, page }: Window, options: WindowOptions): Promise<void> {
  page.removeAllListeners();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.evaluate("localStorage.clear(), sessionStorage.clear()");
  await page.goto("about:blank");
  await context.clearCookies();
  await page.emulateMedia({ forcedColors: null });
  if (options.viewport) await page.setViewportSize(options.viewport);
}

async function newWindow(options: WindowOptions): Promise<Window> {
  browser ??= chromium.launch({ executablePath: executablePath!, args: BROWSER_FLAGS });
  const context = await (await browser).newContext(options);
  return { context, page: await context.newPage() };
}

function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Answers that say no are expected where a test wants them; the console tells of each.
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) complaints.push(message.text());
  });
  return complaints;
}

/** To be called by a file that opens windows: ends the browser with the file. */
export function endBrowserAfterAll(): void {
  afterAll(async () => {
    await (await browser)?.close();
    browser = undefined;
    shared = undefined;
  });
}
