import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { BROWSER_FLAGS, findBrowser } from "./chromium.ts";

const executablePath = await findBrowser();

/** Whether there is a browser: tests that need one are skipped without. */
export const hasBrowser = executablePath !== undefined;

let browser: Promise<Browser> | undefined;

/** A window of its own, in the browser that all tests of a file share; it is closed with the test. */
export async function openWindow(
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  browser ??= chromium.launch({ executablePath: executablePath!, args: BROWSER_FLAGS });
  const context = await (await browser).newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Answers that say no are expected where a test wants them; the console tells of each.
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) complaints.push(message.text());
  });
  return { context, page, complaints };
}

/** To be called by a file that opens windows: ends the browser with the file. */
export function endBrowserAfterAll(): void {
  afterAll(async () => {
    await (await browser)?.close();
    browser = undefined;
  });
}
