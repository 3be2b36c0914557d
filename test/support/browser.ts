import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { installByApt } from "./servers/find-or-start.ts";
import { installedProgram } from "./servers/installed-program.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Without what a browser does by itself: nothing of it is tried here, and a closed network makes it slow. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/**
 * The Chromium of MILLRACE_TEST_BROWSER, else an installed one, else one that apt-get installs, where this is Debian and we are root.
 *
 * @returns undefined where there is none; it is said why
 */
async function findBrowser(): Promise<string | undefined> {
  const installed = () =>
    process.env["MILLRACE_TEST_BROWSER"] ??
    NAMES.map((name) => installedProgram(name)).find(Boolean);
  const found = installed() ?? ((await installByApt("chromium")) ? installed() : undefined);
  if (found === undefined) {
    console.warn(
      "the tests of the dashboard are skipped: they need Chromium; install chromium, or set MILLRACE_TEST_BROWSER to its path",
    );
  }
  return found;
}

const executablePath = await findBrowser();

/** Whether there is a browser: tests that need one are skipped without. */
export const hasBrowser = executablePath !== undefined;

let browser: Promise<Browser> | undefined;

/** A window of its own, in the browser that all tests of a file share; it is closed with the test. */
export async function openWindow(
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  browser ??= chromium.launch({ executablePath: executablePath!, args: FLAGS });
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
